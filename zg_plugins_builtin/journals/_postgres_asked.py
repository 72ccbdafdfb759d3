"""What event loops ask of a journal's thread, and how they are answered."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from zg_core import Event, JournalError, ZeroGravityError

from ._ear import Ear

__all__ = ["Asked", "Heard", "Inbox", "Topic", "answer"]

Topic: TypeAlias = tuple[Literal["events", "requests"], str]
"""What somebody may listen to: a run's events, or its requests."""
Heard: TypeAlias = tuple[Topic, Sequence[Event]]
"""What was written: events, or nothing where nobody here knows."""


@dataclass(slots=True, eq=False, kw_only=True)
class Asked:
    """Something to do.

    Attributes:
        future: What waits for it, in whatever event loop; `None` if nobody does.
        since: When it was asked, by `time.monotonic`.
        result: What came of it.
        error: Why nothing did.
        done: Whether it was done, or never will be.
    """

    future: asyncio.Future[Any] | None = None
    since: float = field(default_factory=time.monotonic)
    result: Any = None
    error: ZeroGravityError | None = None
    done: bool = False


A = TypeVar("A", bound=Asked)


class Inbox(Generic[A]):
    """What waits to be done, in order: any thread puts it in, one takes it out.

    Args:
        loop: The event loop of who takes it out.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._items: deque[A] = deque()
        self._bell = asyncio.Event()
        self._rung = False
        self._closed = False
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: A, *, within: float = 0.0) -> None:
        """Have something done, at the latest *within* so many seconds.

        Raises:
            JournalError: If nothing is done any more.
        """
        with self._lock:
            if self._closed:
                raise JournalError("the journal was closed", "open it again")
            self._items.append(item)
            if self._rung:
                return
            if not within:
                self._rung = True
                self._loop.call_soon_threadsafe(self._bell.set)
            elif len(self._items) == 1:
                self._loop.call_soon_threadsafe(
                    self._loop.call_later, within, self._bell.set
                )

    async def wait(self, seconds: float | None = None) -> None:
        """Wait until there is something to do, or for so many seconds."""
        if not self._bell.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._bell.wait(), seconds)

    def take(self, most: int, most_bytes: int = 0) -> list[A]:
        """Return what is the next to do."""
        taken: list[A] = []
        size = 0
        with self._lock:
            while self._items and len(taken) < most and size <= most_bytes:
                taken.append(self._items.popleft())
                size += getattr(taken[-1], "size", 0)
            if not self._items:
                self._rung = False
                self._bell.clear()
        return taken

    def put_back(self, items: Iterable[A]) -> None:
        """Have what was taken done once more, before all others."""
        with self._lock:
            self._items.extendleft(reversed([*items]))
            self._rung = True
            self._bell.set()

    def close(self) -> list[A]:
        """Take nothing more, and return what was not done."""
        with self._lock:
            self._closed = True
            left, self._items = [*self._items], deque()
        return left


def answer(
    asked: Iterable[Asked], heard: Iterable[tuple[Ear, Sequence[Event]]] = ()
) -> None:
    """Tell those who wait, with one call into each event loop.

    Args:
        asked: What was done.
        heard: Those who listen, and what is written; see `Ear.tell`.
    """
    mail: defaultdict[
        asyncio.AbstractEventLoop, tuple[list[Asked], list[tuple[Ear, Sequence[Event]]]]
    ]
    mail = defaultdict(lambda: ([], []))
    for item in asked:
        item.done = True
        if item.future is not None:
            mail[item.future.get_loop()][0].append(item)
    for ear, events in heard:
        mail[ear.loop][1].append((ear, events))
    for loop, (done, listening) in mail.items():
        # A loop that is closed has nobody left who waits.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_tell, done, listening)


def _tell(asked: Iterable[Asked], heard: Iterable[tuple[Ear, Sequence[Event]]]) -> None:
    for item in asked:
        future = item.future
        if future is None or future.done():  # whoever waited was cancelled
            continue
        if item.error is not None:
            future.set_exception(item.error)
        else:
            future.set_result(item.result)
    for ear, events in heard:
        ear.tell(events)
