"""What may be asked of the writer of a PostgreSQL journal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zg_core import Event, RunStatus

from ._postgres_asked import Asked, Topic

__all__ = [
    "Append",
    "Ask",
    "Claim",
    "Create",
    "Delete",
    "Disclaim",
    "Job",
    "Release",
    "Settle",
]


@dataclass(slots=True, eq=False, kw_only=True)
class Job(Asked):
    """Something to write, about one run.

    Attributes:
        size: About how many bytes it is.
        unsure: Whether it was tried before, and may have been written: the
            connection was lost before the server said so.
        events: The events that it writes, for those who listen.
    """

    run_id: str
    size: int = 0
    unsure: bool = False
    events: Sequence[Event] = ()

    @property
    def topics(self) -> Sequence[Topic]:
        """Whose listeners to wake when it is done."""
        return ()


@dataclass(slots=True, eq=False, kw_only=True)
class Settle(Job):
    """Nothing: it is done when all that was asked of the run before is.

    Of no run it is nothing at all, but makes the writer write.
    """

    run_id: str = ""


@dataclass(slots=True, eq=False, kw_only=True)
class Create(Job):
    """Begin a run with its first event, as JSON."""

    at: str
    workflow: str
    objective: str
    body: str


@dataclass(slots=True, eq=False, kw_only=True)
class Claim(Job):
    """Become a run's owner; its result is the epoch."""


@dataclass(slots=True, eq=False, kw_only=True)
class Release(Job):
    """Stop being a run's owner."""

    epoch: int


@dataclass(slots=True, eq=False, kw_only=True)
class Disclaim(Job):
    """Let go what may have been claimed for somebody who was never told.

    Attributes:
        claim: What was asked before.
    """

    claim: Claim


@dataclass(slots=True, eq=False, kw_only=True)
class Append(Job):
    """Add events to a run.

    Attributes:
        first: The ``seq`` of the first.
        bodies: The JSON of each.
        at: When the last was recorded.
        status: The status they give the run; `None` if they leave it alone.
        ended: The ids of the requests they end.
    """

    epoch: int
    first: int
    bodies: Sequence[str]
    at: str
    status: RunStatus | None
    ended: Sequence[str]

    @property
    def last(self) -> int:
        """The ``seq`` of the last event."""
        return self.first + len(self.bodies) - 1

    @property
    def topics(self) -> Sequence[Topic]:
        """Those who follow the run."""
        return (("events", self.run_id),)


@dataclass(slots=True, eq=False, kw_only=True)
class Ask(Job):
    """Leave a request for a run's owner, as JSON."""

    request_id: str
    body: str

    @property
    def topics(self) -> Sequence[Topic]:
        """The run's owner."""
        return (("requests", self.run_id),)


@dataclass(slots=True, eq=False, kw_only=True)
class Delete(Job):
    """Forget a run."""

    @property
    def topics(self) -> Sequence[Topic]:
        """Those who follow it, and its owner: they are told that it is no more."""
        return (("events", self.run_id), ("requests", self.run_id))
