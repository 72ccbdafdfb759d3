"""Events and messages to JSON and back: the one serializer."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from . import events
from ._adapters import adapter_of
from ._json import Json, JsonObject
from .errors import JournalError
from .events import Event, Requested, UnknownEvent

__all__ = [
    "as_json",
    "decode_event",
    "digest",
    "dump",
    "encode_event",
    "event_document",
]

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
        JournalError: If it holds what JSON has no word for.
    """
    document: JsonObject = _parsed(encode_event(event))
    return document


def encode_event(event: Event) -> bytes:
    """Return an event as one line of JSON: its `event_document`.

    Raises:
        JournalError: If it holds what JSON has no word for.
    """
    try:
        if isinstance(event, UnknownEvent):
            place = {"seq": event.seq, "at": event.at, "run_id": event.run_id}
            return to_json({"type": event.type, **event.data, **place})
        fields: bytes = _adapter(type(event)).dump_json(event)
    except ValueError as error:
        raise JournalError(
            f"a {type(event).__name__} event cannot be written as JSON: {error}",
            "return plain JSON values from agents and tools",
        ) from error
    return b'{"type":"%b",%b' % (type(event).__name__.encode(), fields[1:])


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
            except ValidationError:
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


def dump(value: object) -> Json:
    """Return any of our records as a JSON value."""
    return _adapter(type(value)).dump_python(value, mode="json")


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
    text = json.dumps(dump(value), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
