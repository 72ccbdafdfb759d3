"""Events and messages to JSON and back: the one serializer."""

from __future__ import annotations

import hashlib
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from . import events
from ._json import Json, JsonObject
from .errors import JournalError
from .events import Event, UnknownEvent

__all__ = ["decode_event", "digest", "dump", "encode_event", "event_document"]

_EVENTS: dict[str, type[Event]] = {
    name: getattr(events, name)
    for name in events.__all__
    if isinstance(getattr(events, name), type)
    and issubclass(getattr(events, name), Event)
    and getattr(events, name) not in (Event, UnknownEvent)
}


_ADAPTERS: dict[type, TypeAdapter[Any]] = {}


def _adapter(kind: type) -> TypeAdapter[Any]:
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def event_document(event: Event) -> JsonObject:
    """Return an event as a JSON object whose ``type`` is the name of its class."""
    if isinstance(event, UnknownEvent):
        return {"type": event.type, **event.data}
    return {"type": type(event).__name__, **dump(event)}


def encode_event(event: Event) -> bytes:
    """Return an event as one line of JSON.

    Raises:
        JournalError: If it holds what JSON has no word for.
    """
    try:
        return to_json(event_document(event), inf_nan_mode="strings")
    except ValueError as error:
        raise JournalError(
            f"a {type(event).__name__} event cannot be written as JSON: {error}",
            "return plain JSON values from agents and tools",
        ) from error


def decode_event(line: bytes | str) -> Event:
    """Return the event that `encode_event` wrote.

    What a newer version wrote, a new kind or one with other fields, comes back
    as an `UnknownEvent` and loses nothing.

    Raises:
        JournalError: If *line* is not a JSON object with a ``type``.
    """
    try:
        data = from_json(line)
        name = data.pop("type")
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise JournalError(
            "the journal holds a line that is no event", "restore it from a backup"
        ) from error
    kind = _EVENTS.get(name)
    if kind is not None and data.keys() <= kind.__dataclass_fields__.keys():
        try:
            event: Event = _adapter(kind).validate_python(data)
        except ValidationError:
            pass
        else:
            return event
    return UnknownEvent(
        seq=data.get("seq", 0),
        at=data.get("at", ""),
        run_id=data.get("run_id", ""),
        type=name,
        data=data,
    )


def dump(value: object) -> Json:
    """Return any of our records as a JSON value."""
    return _adapter(type(value)).dump_python(value, mode="json")


def digest(value: object) -> str:
    """Return the SHA-256, in hex, of a record's canonical JSON.

    Canonical is: keys sorted, no spaces, UTF-8; equal records have equal digests.
    """
    return hashlib.sha256(_canonical(dump(value))).hexdigest()


def _canonical(value: Json) -> bytes:
    if isinstance(value, dict):
        pairs = (to_json(k) + b":" + _canonical(v) for k, v in sorted(value.items()))
        return b"{" + b",".join(pairs) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(_canonical, value)) + b"]"
    return to_json(value)
