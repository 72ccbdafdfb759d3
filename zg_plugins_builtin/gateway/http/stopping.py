"""The moment from which the service is ending, for whatever would go on for long."""

from __future__ import annotations

import anyio

__all__ = ["Stopping"]


class Stopping:
    """Begins once; streams and long polls wait for it beside their own work."""

    def __init__(self) -> None:
        self._event: anyio.Event | None = None
        self._begun = False

    @property
    def begun(self) -> bool:
        """Whether the service is ending."""
        return self._begun

    def begin(self) -> None:
        """Tell everybody who waits; in the thread of the server's loop."""
        self._begun = True
        if self._event is not None:
            self._event.set()

    async def wait(self) -> None:
        """Wait until the service is ending."""
        if self._begun:
            return
        if self._event is None:
            self._event = anyio.Event()
        await self._event.wait()
