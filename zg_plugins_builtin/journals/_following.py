"""What events that are added to a run do to it, whatever it is kept in."""

from __future__ import annotations

from collections.abc import Sequence

from zg_core import Event, JournalError, Requested, RunStatus, status_after

__all__ = ["DONE", "PAGE", "ended_by", "status_by"]

DONE = frozenset({"completed", "degraded"})
"""The statuses of a run of which nothing is left to do."""
PAGE = 256
"""How many events whoever follows a run is given at once: a slow one holds no more."""


def status_by(run_id: str, events: Sequence[Event]) -> RunStatus | None:
    """Return the status that events give a run; `None` if they leave it alone.

    Raises:
        JournalError: If one does not follow the one before it.
    """
    status: RunStatus | None = None
    for seq, event in enumerate(events, events[0].seq):
        if event.seq != seq:
            raise JournalError(
                f"event {event.seq} of run {run_id!r} follows event {seq - 1}",
                "report this as a bug of the engine",
            )
        status = status_after(event) or status
    return status


def ended_by(events: Sequence[Event]) -> list[str]:
    """Return the ids of the requests that events end."""
    return [
        event.request_id
        for event in events
        if isinstance(event, Requested) and event.request_id
    ]
