"""Watch a job until it ends or waits for people, and stop it at Ctrl-C."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio

from ..asynchronous import AsyncClient, AsyncJob
from ..errors import (
    ConflictError,
    ServiceError,
    ServiceUnreachableError,
    WaitTimeoutError,
)
from ._opening import called
from ._views import View

__all__ = ["Followed", "alone", "follow", "interrupts", "stop_job"]

_INTERRUPTED = 130
_SETTLED = 10.0


@dataclass(frozen=True, slots=True)
class Followed:
    """How far a job was followed.

    Args:
        job: The job, as it then is; `None` where Ctrl-C ended the watching.
        seen: The number of the latest event.
    """

    job: AsyncJob | None
    seen: int


async def follow(
    client: AsyncClient,
    job_id: str,
    view: View,
    *,
    after: int = 0,
    stop: bool = False,
    through: bool = False,
    output: Any = None,
) -> Followed:
    """Show what happens in a job, until it ends or waits for people.

    Args:
        client: The client.
        job_id: The job.
        view: What shows it.
        after: The number of the latest event that is known already.
        stop: Whether Ctrl-C stops the job; else it ends the watching alone.
        through: Whether to go on when it waits for people.
        output: What gets each event as a line of JSON, if JSON is wanted.

    Raises:
        ServiceError: If it cannot be followed any more; it goes on.
    """
    seen = after
    interrupted, paused = False, False
    async with alone(job_id), anyio.create_task_group() as group:

        async def read() -> None:
            nonlocal paused, seen
            async with aclosing(client.events(job_id, after=after)) as events:
                async for event in events:
                    if output is not None and event.seq is not None:
                        output.line(dict(event.raw))
                    view.show(event)
                    seen = event.seq or seen
                    paused = event.type == "job.paused" and not through
                    if paused:
                        break
            group.cancel_scope.cancel()

        async def heed() -> None:
            nonlocal interrupted
            async with aclosing(interrupts()) as pressed:
                async for number in pressed:
                    if not stop:
                        interrupted = True
                        group.cancel_scope.cancel()
                    elif number > 1:
                        view.__exit__()
                        os._exit(_INTERRUPTED)
                    else:
                        view.say("stopping; Ctrl-C once more leaves it alone")
                        group.start_soon(stop_job, client, job_id, view.say)

        group.start_soon(heed)
        group.start_soon(read)
    if interrupted:
        return Followed(None, seen)
    return Followed(await _settled(client, job_id, paused=paused), seen)


async def _settled(client: AsyncClient, job_id: str, *, paused: bool) -> AsyncJob:
    """Return a job once it shows what its last event said, which takes a moment."""
    try:
        return await client.wait(
            job_id, _SETTLED, until=lambda job: paused and job.waits
        )
    except WaitTimeoutError:  # somebody answered meanwhile, and it goes on
        return await client.job(job_id)


@asynccontextmanager
async def alone(job_id: str) -> AsyncGenerator[None, None]:
    """Raise the first error of a group by itself, and say how to go on."""
    try:
        yield
    except ExceptionGroup as errors:
        first = errors.exceptions[0]
        if isinstance(first, ServiceUnreachableError):
            first.remedy = "the run goes on; when it answers again: " + called(
                f"runs watch {job_id}"
            )
        raise first from first.__cause__


async def stop_job(
    client: AsyncClient, job_id: str, say: Callable[[str], object]
) -> None:
    """Ask for a job to be stopped, since Ctrl-C was pressed."""
    try:
        await client.cancel(job_id, "Ctrl-C")
    except ConflictError:  # it ended meanwhile
        return
    except ServiceError as error:
        say(f"it could not be stopped: {error}")


async def interrupts() -> AsyncGenerator[int, None]:
    """Yield how often Ctrl-C was pressed."""
    count = 0
    try:
        with anyio.open_signal_receiver(signal.SIGINT) as signals:
            async for _ in signals:
                count += 1
                yield count
    except NotImplementedError:  # Windows: Ctrl-C ends the command
        await anyio.sleep_forever()
