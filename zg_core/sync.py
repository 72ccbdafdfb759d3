"""Run a workflow from code that is not asynchronous."""

from __future__ import annotations

import asyncio

import anyio

from .engine import Engine
from .errors import InputError
from .results import RunResult
from .workflows import RunOptions, Workflow

__all__ = ["run_sync"]


def run_sync(
    workflow: Workflow | str,
    objective: str,
    *plugins: object,
    options: RunOptions = RunOptions(),
    run_id: str | None = None,
) -> RunResult:
    """Open an engine, do a run, and return its result; see `Engine.run`.

    Raises:
        InputError: If an event loop is running in this thread.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        raise InputError(
            "run_sync was called while an event loop is running",
            "write `await engine.run(…)` there",
        )

    async def run() -> RunResult:
        async with Engine.open(*plugins) as engine:
            return await engine.run(workflow, objective, options=options, run_id=run_id)

    return anyio.run(run)
