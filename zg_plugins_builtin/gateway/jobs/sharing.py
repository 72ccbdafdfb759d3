"""Who does jobs where many processes share them: what the queue and the engine are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import anyio

import zg_core as zg

__all__ = ["Queue", "QueueRuntime", "Sharing"]


class Queue(Protocol):
    """A queue that is open, for those who take runs from it."""

    async def work(
        self,
        do: Callable[[str], Awaitable[bool]],
        *,
        slots: int,
        stopping: anyio.Event,
        grace: float,
    ) -> None:
        """Have runs done, until told to stop; see `runtimes.queue.Queue.work`."""
        ...


@runtime_checkable
class QueueRuntime(zg.Runtime, Protocol):
    """A runtime whose workers are these processes."""

    def opened(self, journal: str) -> AbstractAsyncContextManager[Queue]:
        """Keep connections to the queue of a journal open."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """How a process shares the jobs with others.

    Args:
        runtime: Has runs done by somebody, once it is their turn.
        journal: The address of the journal they are in.
        slots: How many this process does at once; 0 is none.
        grace: Seconds for what runs to come to rest when this process stops.
    """

    runtime: QueueRuntime
    journal: str
    slots: int
    grace: float = 3.0
