"""What looks after open streams: one timer for all, one look for each credential."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
from functools import partial
from typing import Protocol

import anyio
from starlette.requests import Request

from ..identity.principals import Principal
from .event_lines import retry
from .requirements import credential_of
from .services import Services
from .streams import until_unknown

__all__ = ["Keeping", "Kept"]

_log = logging.getLogger(__name__)
_TICK = 1.0
"""Seconds between two beats."""
_SOON = retry(500)
"""What streams say last when the service ends: another will be there soon."""


class Kept(Protocol):
    """A stream that is open."""

    def beat(self, until: float) -> None:
        """Say something, if nothing will have been said for too long.

        Args:
            until: When it is asked again, by the event loop's time.
        """
        ...

    def end(self, words: bytes = b"") -> None:
        """Say the last words and end, as soon as may be."""
        ...


class Keeping:
    """Looks after open streams, in tasks that end with the last of them.

    Each stream beats, ends with the service, and ends when its reader's credential is
    no longer good.

    Args:
        services: What all routes work with.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._groups: dict[Hashable, _Group] = {}

    def enter(self, stream: Kept, request: Request, who: Principal) -> list[_Group]:
        """Look after a stream, until it leaves those with whom it is looked after.

        Args:
            stream: The stream.
            request: The request that opened it.
            who: Who asked.
        """
        host = request.client.host if request.client else None
        reader = credential_of(request), host, who.tid
        known = partial(self._until_unknown, request, who)
        groups = [self._group("all", self._beat), self._group(reader, known)]
        for group in groups:
            group.streams.add(stream)
        return groups

    def leave(self, stream: Kept, groups: list[_Group]) -> None:
        """Look after a stream no longer."""
        for group in groups:
            group.streams.discard(stream)
            if not group.streams:
                group.task.cancel()
                if self._groups.get(group.key) is group:
                    del self._groups[group.key]

    def _group(self, key: Hashable, work: Work) -> _Group:
        group = self._groups.get(key)
        if group is None or group.task.done():
            group = self._groups[key] = _Group(key, work)
        return group

    async def _beat(self, streams: set[Kept]) -> None:
        stopping, loop = self._services.stopping, asyncio.get_running_loop()
        while not stopping.begun:
            with anyio.move_on_after(_TICK):
                await stopping.wait()
            until = loop.time() + _TICK
            for stream in streams:
                stream.beat(until)
        for stream in streams:
            stream.end(_SOON)

    async def _until_unknown(
        self, request: Request, who: Principal, streams: set[Kept]
    ) -> None:
        try:
            await until_unknown(self._services, request, who)
        except Exception:  # noqa: BLE001 - whoever is not known to be good is not
            _log.exception("streams.not_known")
        for stream in streams:
            stream.end()


Work = Callable[[set[Kept]], Awaitable[None]]


class _Group:
    """Streams for which the same is done, in one task."""

    def __init__(self, key: Hashable, work: Work) -> None:
        self.key = key
        self.streams: set[Kept] = set()
        self.task = asyncio.create_task(self._run(work))

    async def _run(self, work: Work) -> None:
        await work(self.streams)
