"""Ctrl-C is heeded whatever the process was at when it came."""

from __future__ import annotations

import signal
from contextvars import Context

import anyio
import pytest

from zg_core.cli._interrupts import interruptible


@pytest.mark.anyio
async def test_ctrl_c_is_heeded_within_what_a_thread_has_the_loop_do() -> None:
    """What a thread has the loop do has not the context of those who wait for it."""
    stopped: list[str] = []

    def interrupt() -> None:
        signal.raise_signal(signal.SIGINT)
        assert not stopped

    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:

            async def end() -> None:
                stopped.append("cleanly")
                tasks.cancel_scope.cancel()

            with interruptible(lambda: tasks.start_soon(end), lambda: None):
                Context().run(interrupt)
                await anyio.sleep_forever()

    assert stopped == ["cleanly"]
