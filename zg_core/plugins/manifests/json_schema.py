"""Check JSON against a schema that uses the few words of JSON Schema known here.

For files that are read each time a command starts: importing `jsonschema` would
take longer than all of them together. A law holds the two to the same verdicts.
"""

from __future__ import annotations

import re

from ..._json import Json, JsonObject

__all__ = ["KNOWN", "mismatch"]

KNOWN = frozenset(
    {
        *("$ref", "type", "const", "enum", "pattern", "not"),
        *("required", "properties", "items", "maxItems"),
        *("$schema", "$id", "$defs", "title", "description"),  # which check nothing
    }
)
"""The words a schema may use; of ``$ref`` only what names a part of ``$defs``."""

_TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
}


def mismatch(value: Json, schema: JsonObject) -> str:
    """Return where a value does not fit a schema, and why; empty if it does."""
    found = _mismatch(value, schema, schema["$defs"])
    return found.lstrip(".") if found[:1] != " " else f"it{found}"


def _mismatch(value: Json, schema: JsonObject, parts: JsonObject) -> str:
    """Return the first mismatch: a place, if it is inside, and then the reason."""
    for word, said in schema.items():
        found = ""
        if word == "type":
            if not _is(value, said):
                found = f" is {value!r:.60}, not {_either(said)}"
        elif word == "$ref":
            found = _mismatch(value, parts[said.rpartition("/")[2]], parts)
        elif word == "properties":
            if isinstance(value, dict):
                found = _in_object(value, said, parts)
        elif word == "items":
            if isinstance(value, list):
                found = _in_array(value, said, parts)
        elif word not in ("$defs", "description"):
            found = _flaw(value, word, said, parts)
        if found:
            return found
    return ""


def _in_object(value: JsonObject, schemas: JsonObject, parts: JsonObject) -> str:
    for name, item in value.items():
        if name in schemas and (found := _mismatch(item, schemas[name], parts)):
            return f".{name}{found}"
    return ""


def _in_array(value: list[Json], schema: JsonObject, parts: JsonObject) -> str:
    for number, item in enumerate(value):
        if found := _mismatch(item, schema, parts):
            return f"[{number}]{found}"
    return ""


def _flaw(value: Json, word: str, said: Json, parts: JsonObject) -> str:
    """Return why a value does not fit a word that looks at nothing inside it."""
    if word == "required" and isinstance(value, dict):
        missing = [name for name in said if name not in value]
        return f" lacks {', '.join(map(repr, missing))}" if missing else ""
    if word == "maxItems" and isinstance(value, list):
        many = len(value) > said
        return f" has {len(value):,} items, and may have {said:,}" if many else ""
    if word == "pattern" and isinstance(value, str):
        named = re.search(said, value)
        return "" if named else f" is {value!r:.60}, which is no name"
    if word == "not":
        allowed = _mismatch(value, said, parts)
        return "" if allowed else f" is {value!r:.60}, which it may not be"
    if word in ("const", "enum"):
        possible = [said] if word == "const" else said
        if isinstance(value, bool) or value not in possible:  # and `True == 1`
            return f" is {value!r:.60}, not {' or '.join(map(repr, possible))}"
    return ""


def _either(kinds: str | list[str]) -> str:
    return kinds if isinstance(kinds, str) else " or ".join(kinds)


def _is(value: Json, kind: str | list[str]) -> bool:
    if isinstance(kind, list):
        return any(_is(value, each) for each in kind)
    if kind in ("number", "integer"):
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return kind == "number" or isinstance(value, int) or value.is_integer()
    return isinstance(value, _TYPES[kind])
