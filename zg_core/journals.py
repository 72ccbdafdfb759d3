"""A journal keeps the events of runs, each run written by one owner at a time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from .events import Event, Requested, RunAccepted, RunStatus

__all__ = ["ENDED", "Journal", "Pending", "RunSummary"]

ENDED: frozenset[RunStatus] = frozenset(
    {"completed", "degraded", "failed", "cancelled"}
)
"""The statuses of a run that goes on only if somebody resumes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """One line about a run, for lists.

    Attributes:
        workflow: The workflow's name.
        created_at: When it was accepted: RFC 3339, UTC.
        updated_at: When its latest event was recorded.
        owned: Whether a live engine owns it now.
    """

    run_id: str
    objective: str
    workflow: str
    status: RunStatus
    created_at: str
    updated_at: str
    owned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A request from outside that the run's owner has not taken up yet.

    Attributes:
        request_id: Its id. The event it becomes carries the same, and appending
            that event is what ends the request.
        event: The event it wants to become, not recorded yet.
    """

    request_id: str
    event: Requested


@runtime_checkable
class Journal(Protocol):
    """Keeps the events of runs.

    The contract every journal keeps, and `zg_core.testing` checks:

    - Events come back equal and in order, ``seq`` counting from 1 without gaps.
    - Only the latest `claim` of a run may append to it; an earlier owner is
      refused with `RunBusyError`, also one that was frozen and wakes up.
    - What `append` waited for (``durable=True``) survives a crash of the machine,
      and so does all that was appended before it.
    """

    async def create(self, accepted: RunAccepted) -> None:
        """Begin a run with its first event, durably; ``seq`` is 1 and it is unowned.

        Raises:
            InputError: If there is a run of that id.
        """
        ...

    async def claim(self, run_id: str) -> int:
        """Become the owner of a run and return the new epoch.

        Raises:
            RunNotFoundError: If there is no such run.
            RunBusyError: If a live owner has it.
        """
        ...

    async def release(self, run_id: str, epoch: int) -> None:
        """Stop being the owner; a no-op for whoever is not."""
        ...

    async def append(
        self, run_id: str, epoch: int, events: Sequence[Event], *, durable: bool = True
    ) -> None:
        """Add events, which carry their ``seq``.

        A call takes its place in line before it first waits, so that events of
        parallel steps keep their order; cancelling it then changes nothing.

        Args:
            run_id: The run.
            epoch: What `claim` returned.
            events: What happened, in order.
            durable: Whether to wait until they are on disk. Otherwise they ride
                with whatever is written next, and a refusal shows there.

        Raises:
            RunBusyError: If the run has a newer owner, or was released.
            RunNotFoundError: If there is no such run any more.
            JournalError: If they cannot be written; then none of them is.
        """
        ...

    async def read(self, run_id: str, after: int = 0) -> list[Event]:
        """Return the events with a ``seq`` above *after*, in order.

        Raises:
            RunNotFoundError: If there is no such run.
        """
        ...

    def subscribe(self, run_id: str, after: int = 0) -> AsyncGenerator[Event, None]:
        """Yield events as they are recorded, by whomever; ends when the run has ended.

        Raises:
            RunNotFoundError: If there is no such run.
        """
        ...

    async def list(
        self, *, limit: int = 100, status: RunStatus | None = None
    ) -> list[RunSummary]:
        """Return the latest runs, newest first."""
        ...

    async def delete(self, run_id: str) -> None:
        """Forget a run.

        Raises:
            RunNotFoundError: If there is no such run.
            RunBusyError: If a live owner has it.
        """
        ...

    async def request(self, run_id: str, event: Requested) -> str:
        """Ask the run's owner, now or later, to record *event* and act on it.

        A run that has ended is asked nothing, and what was asked of it ends with
        it: whoever resumes it later should not stumble over that.

        Returns:
            The request's id: that of its `Pending`, and of the event it becomes.

        Raises:
            RunNotFoundError: If there is no such run.
        """
        ...

    def requests(self, run_id: str) -> AsyncGenerator[Pending, None]:
        """Yield requests of a run as they come, those waiting first; never ends.

        Raises:
            RunNotFoundError: If there is no such run.
        """
        ...

    async def close(self) -> None:
        """Write what is waiting and let go of files and connections."""
        ...
