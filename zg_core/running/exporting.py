"""Hand the events of all runs of an engine to exporters, which can delay nothing."""

from __future__ import annotations

import asyncio
from typing import cast

import anyio

from .._codec import decode_event, encode_event
from .._isolation import describe
from ..config import Config, named_by
from ..errors import UnknownNameError, ZeroGravityError
from ..events import Event
from ..exporters import Exporter
from ..plugins import PluginHost
from .foreign import TooSlow, ask

__all__ = ["Exporting"]

_QUEUED, _BATCH = 1000, 100
_DRAINED, _FLUSHED, _CLOSED = 1.0, 1.5, 2.0
"""Seconds after which, at the end, an exporter must have done so far."""


class Exporting:
    """The exporters of one engine, each with a queue and a task of its own."""

    def __init__(self, config: Config, host: PluginHost) -> None:
        self._config = config
        self._host = host
        self._feeds: dict[str, _Feed] = {}
        self._begun = False

    def exporter(self, name: str) -> Exporter:
        """Return an exporter, which gets all events from now on.

        Raises:
            UnknownNameError: If no plugin offers one of that name.
            PluginError: If it cannot be made.
        """
        offer = self._host.find("exporter", name)
        exporter = cast(Exporter, self._host.make(offer))
        if offer.qualified not in self._feeds:
            self._feeds[offer.qualified] = _Feed(offer.plugin, offer.name, exporter)
        return exporter

    def begin(self) -> bool:
        """Make the exporters that are enabled, and tell whether there are any.

        What cannot be made is noted, and missing.
        """
        if not self._begun:
            self._begun = True
            for name in self._config.exporters_enabled:
                self._enable(name)
        return bool(self._feeds)

    def _enable(self, name: str) -> None:
        try:
            with named_by(self._config, "exporters.enabled"):
                self.exporter(name)
        except ZeroGravityError as error:
            unknown = isinstance(error.__cause__ or error, UnknownNameError)
            self._host.note(
                "ZG131" if unknown else "ZG221",
                f"nothing goes to the exporter {name!r}: {error.cause}",
                error.remedy,
            )

    def emit(self, event: Event) -> None:
        """Take an event; one too many for an exporter is dropped and counted."""
        for feed in self._feeds.values():
            feed.put(event)

    async def close(self) -> None:
        """Let the exporters send what they hold, and close them, within two seconds."""
        if not self._feeds:
            return
        closing = {
            asyncio.create_task(feed.close()): feed for feed in self._feeds.values()
        }
        with anyio.CancelScope(shield=True):
            _, late = await asyncio.wait(closing, timeout=_CLOSED)
        for task, feed in closing.items():
            if task in late:
                task.cancel()
                feed.error = TooSlow(f"it did not end within {_CLOSED:g} s")
            if report := feed.report():
                self._host.note("ZG221", report, plugin=feed.plugin)
        self._feeds.clear()


class _Feed:
    """One exporter, and what it is to get.

    Attributes:
        plugin: Id of its plugin.
        error: What it failed with, at last.
    """

    def __init__(self, plugin: str, name: str, exporter: Exporter) -> None:
        self.plugin = plugin
        self._name = name
        self._exporter = exporter
        self._queue: asyncio.Queue[Event] = asyncio.Queue(_QUEUED)
        self._given = 0
        self._sent = 0
        self.error: BaseException | None = None
        self._task = asyncio.create_task(self._work())

    def put(self, event: Event) -> None:
        self._given += 1
        if not self._queue.full():
            self._queue.put_nowait(event)

    async def _work(self) -> None:
        while True:
            batch = [await self._queue.get()]
            while len(batch) < _BATCH and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            await self._export(batch)
            for _ in batch:
                self._queue.task_done()

    async def _export(self, batch: list[Event]) -> None:
        # Copies, since the state of a run shares its JSON values with its events.
        copies = tuple(decode_event(encode_event(event)) for event in batch)
        _, error = await ask(None, self._exporter.export, copies)
        if error is None:
            self._sent += len(batch)
        else:
            self.error = error

    async def close(self) -> None:
        """Drain the queue, flush, and close; see `Exporting.close`."""
        clock = asyncio.get_running_loop().time
        began = clock()
        with anyio.move_on_after(_DRAINED):
            await self._queue.join()
        self._task.cancel()
        left = began + _FLUSHED - clock()
        _, flushing = await ask(left, self._exporter.flush, left)
        left = began + _CLOSED - clock()
        _, closing = await ask(left, self._exporter.close)
        self.error = flushing or closing or self.error

    def report(self) -> str:
        """Say what went wrong, if anything did."""
        lost = self._given - self._sent
        if not lost and self.error is None:
            return ""
        why = "it is too slow"
        if self.error is not None:
            slow = isinstance(self.error, TooSlow)
            why = str(self.error) if slow else describe(self.error)
        what = f"{lost:,} of {self._given:,} events"
        return f"the exporter {self._name!r} lost {what}: {why}"
