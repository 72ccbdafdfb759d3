"""Answers while they come: told to whoever reads along in this process, never kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from weakref import WeakValueDictionary

import anyio

import zg_core as zg

__all__ = ["Deltas", "Ear", "without_deltas"]


class Ear:
    """Is told each piece as it comes, until it is closed or nobody holds it.

    Args:
        hear: Takes a piece; it must not take long.
    """

    def __init__(self, hear: Callable[[zg.TextDelta], None]) -> None:
        self.hear = hear

    def close(self) -> None:
        """Hear nothing more."""
        self.hear = lambda _delta: None


class Deltas:
    """Pieces of answers, by job."""

    def __init__(self) -> None:
        self._readers: dict[str, set[Callable[[zg.TextDelta], None]]] = {}
        self._ears: WeakValueDictionary[str, Ear] = WeakValueDictionary()

    def tell(self, job_id: str, delta: zg.TextDelta) -> None:
        """Tell those who read along in a job of a piece."""
        ear = self._ears.get(job_id)
        if ear is not None:
            ear.hear(delta)
        for hear in self._readers.get(job_id, ()):
            hear(delta)

    def ear(self, job_id: str, hear: Callable[[zg.TextDelta], None]) -> Ear:
        """Return what is told all pieces of a job that is yet to be submitted.

        A job has one.
        """
        self._ears[job_id] = ear = Ear(hear)
        return ear

    @contextmanager
    def hearing(
        self, job_id: str, hear: Callable[[zg.TextDelta], None]
    ) -> Iterator[None]:
        """Have somebody told the pieces that come while the block lasts.

        Args:
            job_id: The job.
            hear: Takes a piece; it must not take long.
        """
        readers = self._readers.setdefault(job_id, set())
        readers.add(hear)
        try:
            yield
        finally:
            readers.discard(hear)
            if not readers and self._readers.get(job_id) is readers:
                del self._readers[job_id]


async def without_deltas(
    items: AsyncGenerator[zg.Event | zg.TextDelta, None],
    tell: Callable[[zg.TextDelta], None],
    is_last: Callable[[zg.Event], bool],
) -> AsyncGenerator[zg.Event, None]:
    """Yield the events of a run; tell pieces at once, however long those take.

    So all pieces of an answer are told before anybody finds it in the journal.

    Args:
        items: What happens in the run; it is closed at the end.
        tell: Takes a piece; it must not take long.
        is_last: Tells, at once as well, whether the run is to stop at an event.
    """
    events: asyncio.Queue[zg.Event | None] = asyncio.Queue()

    async def sort() -> None:
        try:
            async with aclosing(items):
                async for item in items:
                    if isinstance(item, zg.TextDelta):
                        tell(item)
                        continue
                    events.put_nowait(item)
                    if is_last(item):
                        break
        finally:
            events.put_nowait(None)

    task = asyncio.create_task(sort())
    try:
        while (event := await events.get()) is not None:
            yield event
        await task
    finally:
        task.cancel()
        with anyio.CancelScope(shield=True):
            await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # whoever left early has no use for it
