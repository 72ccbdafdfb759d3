"""JSON to and from a vendor's server, which may send and be sent anything.

Text in our records is valid Unicode, so that it can be journaled; halves of
surrogate pairs and bytes that are no UTF-8 become U+FFFD.
"""

from __future__ import annotations

import json

import orjson

from zg_core.plugin_api import Json, JsonObject

__all__ = ["arguments_of", "counted", "dump_json", "load_json"]

_MOST = 2**53 - 1
"""The largest number that JSON keeps whole (RFC 8259, §6)."""


def load_json(raw: bytes | bytearray | str) -> Json:
    """Read JSON; what orjson is too strict for is read again and mended.

    Raises:
        ValueError: If it is none.
    """
    try:
        return orjson.loads(raw)
    except ValueError:
        text = raw if isinstance(raw, str) else raw.decode(errors="replace")
    try:
        return _mended(json.loads(text, parse_constant=_refused))
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def dump_json(value: Json) -> bytes:
    """Write JSON, mending text that is no Unicode."""
    try:
        return orjson.dumps(value)
    except TypeError:  # a lone surrogate, or an integer of more than 64 bits
        return json.dumps(_mended(value)).encode()


def arguments_of(text: str) -> JsonObject:
    """Read a tool call's arguments; what is no JSON object comes as ``{"": text}``."""
    try:
        value = load_json(text.strip() or "{}")
    except ValueError:
        return {"": text}
    return value if isinstance(value, dict) else {"": text}


def counted(document: Json, *path: str) -> int:
    """Return the count at a path into a document.

    It is 0 where there is none, or one below 0, which would give money back.
    """
    for key in path:
        document = document.get(key) if isinstance(document, dict) else None
    if type(document) not in (int, float):  # nor is true a count
        return 0
    return int(min(max(document, 0), _MOST))


def _mended(value: Json) -> Json:
    match value:
        case str():
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case dict():
            return {_mended(key): _mended(item) for key, item in value.items()}
        case list():
            return [_mended(item) for item in value]
    return value


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
