"""Who waits for something to change, in this process, and who is told in others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import anyio
from sqlalchemy import Connection, text

__all__ = ["CHANNEL", "Changes", "announce"]

CHANNEL = "zg_jobs"
"""Where PostgreSQL says which job has changed."""
_ANNOUNCED = text("SELECT pg_notify(:channel, :job_id)")


def announce(connection: Connection, job_id: str) -> None:
    """Tell all processes of a change, once it is committed; one alone needs not."""
    if connection.dialect.name == "postgresql":
        connection.execute(_ANNOUNCED, {"channel": CHANNEL, "job_id": job_id})


class Changes:
    """Wakes whoever waits for a job; another process is heard of by looking again."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[anyio.Event]] = {}

    def tell(self, job_id: str) -> None:
        """Wake those who wait for a job."""
        for event in self._waiting.pop(job_id, ()):
            event.set()

    @contextmanager
    def listening(self, job_id: str) -> Iterator[anyio.Event]:
        """Return what is set with the next change, from now on."""
        event = anyio.Event()
        self._waiting.setdefault(job_id, set()).add(event)
        try:
            yield event
        finally:
            waiting = self._waiting.get(job_id)
            if waiting is not None:
                waiting.discard(event)
                if not waiting:
                    del self._waiting[job_id]
