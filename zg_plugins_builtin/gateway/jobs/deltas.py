"""Answers while they come: told to whoever reads along in this process, never kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from weakref import WeakValueDictionary

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

import zg_core as zg

__all__ = ["Deltas", "Ear"]

_WAITING = 256


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
    """Pieces of answers, by job. A reader that is too slow misses some."""

    def __init__(self) -> None:
        self._readers: dict[str, set[MemoryObjectSendStream[zg.TextDelta]]] = {}
        self._ears: WeakValueDictionary[str, Ear] = WeakValueDictionary()

    def tell(self, job_id: str, delta: zg.TextDelta) -> None:
        """Tell those who read along in a job of a piece."""
        ear = self._ears.get(job_id)
        if ear is not None:
            ear.hear(delta)
        for reader in self._readers.get(job_id, ()):
            try:
                reader.send_nowait(delta)
            except anyio.WouldBlock:
                continue

    def ear(self, job_id: str, hear: Callable[[zg.TextDelta], None]) -> Ear:
        """Return what is told all pieces of a job that is yet to be submitted.

        It misses none, as a reader may; a job has one.
        """
        self._ears[job_id] = ear = Ear(hear)
        return ear

    @contextmanager
    def reading(self, job_id: str) -> Iterator[MemoryObjectReceiveStream[zg.TextDelta]]:
        """Return the pieces that come from now on."""
        send, receive = anyio.create_memory_object_stream[zg.TextDelta](_WAITING)
        readers = self._readers.setdefault(job_id, set())
        readers.add(send)
        try:
            with send, receive:
                yield receive
        finally:
            readers.discard(send)
            if not readers and self._readers.get(job_id) is readers:
                del self._readers[job_id]
