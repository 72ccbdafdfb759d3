"""Somebody who follows a run, and hears of what is written where they are."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from zg_core import Event

from ._following import PAGE

__all__ = ["Ear"]


class Ear:
    """Hears of what is written; whoever listens makes one, in their event loop.

    Events that are written by the same journal come with the news, so that nobody
    has to read them.

    Attributes:
        loop: The event loop of who listens.
        news: Set whenever something was written; at times though nothing was.
    """

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.news = asyncio.Event()
        self._events: list[Event] = []
        self._all = True

    def tell(self, events: Sequence[Event]) -> None:
        """Hear of something, in the event loop.

        Args:
            events: What was written; nothing where nobody here knows.
        """
        self._events += events
        if not events or len(self._events) > PAGE:
            self._events.clear()
            self._all = False
        self.news.set()

    def take(self, after: int) -> list[Event] | None:
        """Return what was heard since this was asked last.

        Args:
            after: The ``seq`` of the latest event that is known.

        Returns:
            The events that come next; `None` if only the journal itself knows them.
        """
        events = [event for event in self._events if event.seq > after]
        known = self._all and (not events or events[0].seq == after + 1)
        self._events.clear()
        self._all = True
        return events if known else None
