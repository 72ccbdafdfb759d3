"""The least that an operation takes, made from its own description."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["body_of", "guarded", "parameters_of"]

_RANGE = re.compile(r"\[(?P<first>[^\]^])[^\]]*\](?:{(?P<times>\d+)(?:,\d*)?}|[+*])?")
"""A class of characters in a pattern, and how many there are of it."""
_CHOICE = re.compile(r"\((?:\?:)?(\w+)(?:\|\w+)+\)")


def guarded(said: dict[str, Any]) -> bool:
    """Tell whether an operation takes a credential."""
    return bool(said.get("security"))


def parameters_of(said: dict[str, Any], place: str) -> dict[str, Any]:
    """Return the parameters of an operation in its path, query or header."""
    found = said.get("parameters", ())
    return {one["name"]: one["schema"] for one in found if one["in"] == place}


def body_of(said: dict[str, Any], schemas: dict[str, Any]) -> Any:
    """Return the shortest body that an operation takes; `None` if it takes none."""
    content = said.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema")
    return None if schema is None else _least(schema, schemas)


def _least(schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    if "$ref" in schema:
        return _least(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            return _least(schema[choice][0], schemas)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            named = schema.get("properties", {})
            return {n: _least(named[n], schemas) for n in schema.get("required", ())}
        case "array":
            return [_least(schema["items"], schemas)] * schema.get("minItems", 0)
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
        case "string":
            return _text(schema)
    return 1


def _text(schema: dict[str, Any]) -> str:
    pattern = schema.get("pattern", "")
    text = "x" * schema.get("minLength", 1)
    if not re.search(pattern, text):
        one = _CHOICE.sub(r"\1", pattern.strip("^$"))
        text = _RANGE.sub(_first, one)
    assert re.search(pattern, text), f"say how to write {pattern}"
    return text


def _first(found: re.Match[str]) -> str:
    return found["first"] * int(found["times"] or 1)
