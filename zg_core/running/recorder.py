"""The owner's pen: number each fact, journal it, and tell those who listen."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import TypeVar

from .._codec import encode_event
from .._json import JsonObject
from .._machine import RunState, advance, fold
from .._names import writable
from .._secrets import Secrets
from ..errors import JournalError, RunError, ZeroGravityError
from ..events import ErrorInfo, Event
from ..journals import Journal

__all__ = ["Listener", "Recorder", "TextDelta", "causes", "error_info", "timestamp"]

E = TypeVar("E", bound=Event)
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextDelta:
    """A piece of a model's answer under way: streamed, never journaled.

    Attributes:
        call_key: The call it belongs to; a step may have several under way.
        restarted: Whether the answer begins anew, so that what came before is void.
    """

    step: str
    call_key: str
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

    The listener and the watchers are told of each, once it is written.

    Attributes:
        journal: The journal it writes to.
        state: The state all recorded events lead to.
        broken: Why nothing can be recorded any more, if so.
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
        watchers: Sequence[Callable[[Event], None]] = (),
    ) -> None:
        self.journal = journal
        self._run_id = run_id
        self._epoch = epoch
        self._secrets = secrets
        self._watchers = (listener.emit, *watchers) if listener else watchers
        self._listener = listener
        self._untold: deque[_Untold] = deque()
        self.broken: JournalError | None = None
        self.state: RunState = fold(events)

    async def record(self, event: E, *, durable: bool = True) -> E:
        """Journal an event, and return when it is on disk if it is to be durable.

        Returns:
            The event as it was recorded, without secrets: what a resumed run sees,
            so that this one should see nothing else.

        Raises:
            RunError: If it holds what JSON has no word for, or could not be read again.
            RunBusyError: If another engine has taken the run over.
            JournalError: If it cannot be written. Nothing is recorded after that.
        """
        if self.broken is not None:
            raise self.broken
        event = replace(
            self._secrets.redact_record(event),
            seq=self.state.seq + 1,
            at=timestamp(),
            run_id=self._run_id,
        )
        _check_writable(event)
        # Up to the journal's own first wait nothing is awaited, so that events
        # of parallel steps reach it in the order of their numbers.
        self.state = advance(self.state, event)
        untold = _Untold(event)
        self._untold.append(untold)
        try:
            await self.journal.append(
                self._run_id, self._epoch, (event,), durable=durable
            )
        except JournalError as error:
            self.broken = error
            raise
        finally:
            untold.recorded = True
            self._tell_what_is_recorded()
        return event

    def _tell_what_is_recorded(self) -> None:
        """Tell of events in their order, however their writing ended in between."""
        while self._untold and self._untold[0].recorded:
            event = self._untold.popleft().event
            if self.broken is None:
                for tell in self._watchers:
                    tell(event)

    def tell(self, delta: TextDelta) -> None:
        """Pass on a piece of an answer, to those who listen now."""
        if self._listener and self._listener.deltas:
            self._listener.emit(replace(delta, text=self.redacted(delta.text)))

    def redacted(self, value: T) -> T:
        """Return a JSON value as it is recorded: without secrets."""
        return self._secrets.redact_record(value)

    @property
    def streaming(self) -> bool:
        """Whether anybody wants pieces of answers."""
        return self._listener is not None and self._listener.deltas


@dataclass(slots=True)
class _Untold:
    event: Event
    recorded: bool = False


def _check_writable(event: Event) -> None:
    try:
        encode_event(event)
    except JournalError as error:
        step = getattr(event, "step", None)
        raise RunError(
            f"{error.cause}; it came from step {step!r}" if step else error.cause,
            "report it to the author of the agent, tool or provider",
            step=step,
        ) from error


def timestamp() -> str:
    """Return the time: RFC 3339, UTC, milliseconds."""
    seconds, millis = divmod(time.time_ns() // 1_000_000, 1000)
    return f"{_second(seconds)}.{millis:03}Z"


@lru_cache(maxsize=1)
def _second(seconds: int) -> str:
    """Return a second of the epoch as text; most events share it with the last."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def error_info(error: BaseException) -> ErrorInfo:
    """Return an error as a fact.

    One that a plugin made a class of its own for is recorded as what it is a kind of:
    that class has to be there when a journal is read.
    """
    if isinstance(error, ZeroGravityError):
        return ErrorInfo(
            type=_public(type(error)),
            cause=writable(error.cause),
            remedy=writable(error.remedy),
            details=_plain(error.details),
        )
    cause = writable(str(error)) or type(error).__name__
    return ErrorInfo(type=type(error).__name__, cause=cause)


def _public(kind: type[ZeroGravityError]) -> str:
    """Return the name of the class of `zg_core.errors` that a class is a kind of."""
    ours = ZeroGravityError.__module__
    return next(base.__name__ for base in kind.__mro__ if base.__module__ == ours)


def causes(error: BaseException) -> tuple[ErrorInfo, ...]:
    """Return the errors of ours that another one was made of, the nearest first.

    One of ours that was raised while another one was handled was not made of it,
    unless it says so.
    """
    found: list[ErrorInfo] = []
    seen = {id(error)}
    left = _made_of(error)
    while left:
        cause = left.pop(0)
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        if isinstance(cause, ZeroGravityError):
            found.append(error_info(cause))
        left += _made_of(cause)
    return tuple(found)


def _made_of(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return list(error.exceptions)
    cause = error.__cause__
    if cause is None and not isinstance(error, ZeroGravityError):
        cause = error.__context__
    return [] if cause is None else [cause]


def _plain(details: JsonObject) -> JsonObject:
    text = writable(json.dumps(details, default=str, ensure_ascii=False))
    parsed: JsonObject = json.loads(text)
    return parsed
