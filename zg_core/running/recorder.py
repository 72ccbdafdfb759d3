"""The owner's pen: number each fact, journal it, and tell those who listen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from .._machine import RunState, advance, fold
from .._secrets import Secrets
from ..errors import ZeroGravityError
from ..events import ErrorInfo, Event
from ..journals import Journal

__all__ = ["Listener", "Recorder", "TextDelta", "error_info", "timestamp"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextDelta:
    """A piece of a model's answer under way: streamed, never journaled.

    Attributes:
        restarted: Whether the answer begins anew, so that what came before is void.
    """

    step: str
    text: str
    restarted: bool = False


@dataclass(frozen=True, slots=True)
class Listener:
    """Somebody who wants to know what happens, as it happens.

    Attributes:
        emit: Told each event, and each piece of an answer if *deltas* is set.
        deltas: Whether answers are to be streamed for the pieces' sake.
    """

    emit: Callable[[Event | TextDelta], None]
    deltas: bool = False

    def tell_all(self, events: Sequence[Event]) -> None:
        """Tell what happened before."""
        for event in events:
            self.emit(event)


class Recorder:
    """Writes the events of one run, whose owner it belongs to.

    Attributes:
        journal: The journal it writes to.
        state: The state all recorded events lead to.
    """

    def __init__(
        self,
        journal: Journal,
        run_id: str,
        epoch: int,
        events: Sequence[Event],
        *,
        secrets: Secrets,
        listener: Listener | None,
    ) -> None:
        self.journal = journal
        self._run_id = run_id
        self._epoch = epoch
        self._secrets = secrets
        self._listener = listener
        self.state: RunState = fold(events)

    async def record(self, event: Event, *, durable: bool = True) -> None:
        """Journal an event, and return when it is on disk if it is to be durable.

        Raises:
            RunBusyError: If another engine has taken the run over.
            JournalError: If it cannot be written.
        """
        event = replace(
            self._secrets.redact_record(event),
            seq=self.state.seq + 1,
            at=timestamp(),
            run_id=self._run_id,
        )
        # Up to the journal's own first wait nothing is awaited, so that events
        # of parallel steps reach it in the order of their numbers.
        self.state = advance(self.state, event)
        if self._listener:
            self._listener.emit(event)
        await self.journal.append(self._run_id, self._epoch, (event,), durable=durable)

    def tell(self, delta: TextDelta) -> None:
        """Pass on a piece of an answer, to those who listen now."""
        if self._listener and self._listener.deltas:
            self._listener.emit(delta)

    @property
    def streaming(self) -> bool:
        """Whether anybody wants pieces of answers."""
        return self._listener is not None and self._listener.deltas


def timestamp() -> str:
    """Return the time: RFC 3339, UTC, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def error_info(error: BaseException) -> ErrorInfo:
    """Return an error as a fact."""
    if isinstance(error, ZeroGravityError):
        return ErrorInfo(
            type=type(error).__name__,
            cause=error.cause,
            remedy=error.remedy,
            details=dict(error.details),
        )
    return ErrorInfo(
        type=type(error).__name__, cause=str(error) or type(error).__name__
    )
