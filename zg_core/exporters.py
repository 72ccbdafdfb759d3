"""An exporter sends what happens to somebody who watches."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:  # events are slow to import, and specs need this file
    from .events import Event

__all__ = ["Exporter", "Scrapable", "Signal"]

Signal: TypeAlias = Literal["metrics", "traces", "events"]
"""What an exporter makes of events, for people and policies."""


@runtime_checkable
class Exporter(Protocol):
    """Takes the events of all runs of one engine, in batches.

    It is called by one task at a time, beside the runs, and can delay none: what
    it cannot keep up with is dropped and counted. Each method may be ``async def``;
    a plain one runs in a thread.
    """

    def export(self, events: Sequence[Event]) -> Awaitable[None] | None:
        """Take a batch of events: of each run in order, without secrets.

        The first of a run is its `RunAccepted`, which comes again each time an
        engine takes the run up.
        """
        ...

    def flush(self, seconds: float) -> Awaitable[None] | None:
        """Send what is held back, within so many seconds."""
        ...

    def close(self) -> Awaitable[None] | None:
        """Let go of connections and threads; nothing comes after."""
        ...


@runtime_checkable
class Scrapable(Exporter, Protocol):
    """An exporter whose numbers others fetch, such as Prometheus."""

    def serve(self, port: int, address: str = "127.0.0.1") -> int:
        """Serve the numbers over HTTP until `close`, and return the port.

        Raises:
            ConfigError: If the port cannot be had.
        """
        ...
