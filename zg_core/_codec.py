"""Events and messages to JSON and back: the one serializer."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, from_json, to_json

from . import events
from ._adapters import adapter_of
from ._json import Json, JsonObject
from .errors import JournalError, ZeroGravityError
from .events import Event, Requested, UnknownEvent

__all__ = [
    "as_json",
    "decode_event",
    "digest",
    "dump",
    "encode_event",
    "event_document",
    "load",
    "misfit",
]

T = TypeVar("T")

_EVENTS: dict[str, type[Event]] = {
    name: getattr(events, name)
    for name in events.__all__
    if isinstance(getattr(events, name), type)
    and issubclass(getattr(events, name), Event)
    and getattr(events, name) not in (Event, Requested, UnknownEvent)
}


_ADAPTERS: dict[type, TypeAdapter[Any]] = {}

# JSON has no infinity and no NaN; and a field that a record does not have came from
# a newer version, and must not be lost.
_CONFIG = ConfigDict(ser_json_inf_nan="strings", extra="forbid")


def _adapter(kind: type) -> TypeAdapter[Any]:
    if kind not in _ADAPTERS:
        # A dataclass by itself takes no configuration; a union passes it down.
        union: Any = kind | None
        _ADAPTERS[kind] = adapter_of(union, _CONFIG)
    return _ADAPTERS[kind]


def event_document(event: Event) -> JsonObject:
    """Return an event as a JSON object whose ``type`` is the name of its class.

    Raises:
        JournalError: If it holds what JSON has no word for, or what could not be read
            again.
    """
    document: JsonObject = _parsed(encode_event(event))
    return document


def encode_event(event: Event) -> bytes:
    """Return an event as one line of JSON: its `event_document`.

    Raises:
        JournalError: If it holds what JSON has no word for, or what could not be read
            again.
    """
    global _latest
    latest, line = _latest
    if event is latest:
        return line
    try:
        line = _encoded(event)
    except ValueError as error:
        raise JournalError(
            f"a {type(event).__name__} event cannot be written as JSON: {error}",
            "return plain JSON values from agents and tools",
        ) from error
    _latest = event, line
    return line


_latest: tuple[Event | None, bytes] = None, b""
"""The event that was encoded last: the journal writes what was just checked."""


def _encoded(event: Event) -> bytes:
    if isinstance(event, UnknownEvent):
        place = {"seq": event.seq, "at": event.at, "run_id": event.run_id}
        return to_json({"type": event.type, **event.data, **place})
    fields = _written(_adapter(type(event)), event)
    return b'{"type":"%b",%b' % (type(event).__name__.encode(), fields[1:])


def _written(kind: TypeAdapter[Any], record: object) -> bytes:
    """Return a record as JSON.

    Raises:
        ValueError: If there is no JSON for it, or it could not be read again; but a
            word that is none of those which its type allows is written as it is.
    """
    try:
        return kind.dump_json(record, warnings="error")
    except PydanticSerializationError:  # a list for a tuple is as good, and a 5 is not
        written = kind.dump_json(record, warnings=False)
        if problem := _unreadable(kind, written):
            raise ValueError(problem) from None
        return written


def decode_event(line: bytes | str) -> Event:
    """Return the event that `encode_event` wrote.

    What a newer version wrote, a new kind or one with other fields or values, comes
    back as an `UnknownEvent` and loses nothing.

    Raises:
        JournalError: If *line* is no event of any version.
    """
    try:
        data = _parsed(line)
        name = data.pop("type")
        kind = _EVENTS.get(name)
        if kind is not None:
            try:
                event: Event = _adapter(kind).validate_python(data)
            except (ValidationError, ZeroGravityError):  # of records that check more
                pass
            else:
                return event
        place = {key: data[key] for key in ("seq", "at", "run_id")}
        unknown = {**place, "type": name, "data": data}
        event = _adapter(UnknownEvent).validate_python(unknown)
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise JournalError(
            "the journal holds a line that is no event", "restore it from a backup"
        ) from error
    return event


def _parsed(line: bytes | str) -> Any:
    try:
        return from_json(line)
    except ValueError:
        # It takes 200 levels, and 254 can be written; the slower one takes them all.
        return json.loads(line)


def misfit(kind: type, record: object, *, words_fit: bool = False) -> str:
    """Say why a record could not be read again once it is written.

    Args:
        kind: What it is to be.
        record: The record, whose fields may hold anything.
        words_fit: Whether each word in it is known to be one that its type allows,
            which otherwise only reading it again finds out.

    Returns:
        What is wrong with it; empty if nothing is.
    """
    adapter = _adapter(kind)
    try:
        written = _written(adapter, record)
        return "" if words_fit else _unreadable(adapter, written)
    except (ValueError, RecursionError) as error:
        return str(error)


def _unreadable(kind: TypeAdapter[Any], written: bytes) -> str:
    try:
        kind.validate_python(_parsed(written))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        return f"{place} is {first['input']!r:.100}: {first['msg']}"
    except ZeroGravityError as error:
        return error.cause
    return ""


def dump(value: object) -> Json:
    """Return any of our records as a JSON value."""
    return _adapter(type(value)).dump_python(value, mode="json")


def load(kind: type[T], value: Json) -> T:
    """Return the record that `dump` made a JSON value of.

    Raises:
        ValueError: If it is none of that kind.
    """
    record: T = _adapter(kind).validate_python(value)
    if record is None:
        raise ValueError(f"it is no {kind.__name__}")
    return record


def as_json(value: object) -> Json:
    """Return a value as the journal will give it back: a tuple as a list, and so on.

    Raises:
        ValueError: If it cannot be written as a part of an event.
    """
    inner: Json = value
    for _ in range(_EVENT_DEPTH):
        inner = [inner]
    inner = from_json(to_json(inner, inf_nan_mode="strings"))
    for _ in range(_EVENT_DEPTH):
        inner = inner[0]
    return inner


_EVENT_DEPTH = 8
"""How many levels of an event's JSON there may be around a value."""


def digest(value: object) -> str:
    """Return the SHA-256, in hex, of a record's canonical JSON.

    Canonical is: keys sorted, no spaces, ASCII; equal records have equal digests.
    """
    return _digest_of_text(value) if type(value) is str else _digest_of(value)


def _digest_of(value: object) -> str:
    text = _CANONICAL.encode(dump(value))
    return hashlib.sha256(text.encode()).hexdigest()


_digest_of_text = lru_cache(maxsize=64)(_digest_of)
"""Of what is asked by the same words each time, such as what remains."""


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"))
