"""Say which JSON Schemas Anthropic can hold an answer to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from itertools import chain
from types import MappingProxyType

from zg_core.plugin_api import Json, JsonObject

__all__ = ["is_enforceable"]

_MOST_OPTIONAL = 24
_MOST_UNIONS = 16
"""The API counts both over a whole schema, and refuses more."""

# fmt: off
_NOTES = frozenset((
    "title", "description", "default", "examples", "deprecated", "readOnly",
    "writeOnly", "discriminator", "$comment",
))
"""What may stand in any schema: it takes no value away."""
_OF_NUMBERS = frozenset((
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
))
_OF_TYPE: Mapping[str, frozenset[str]] = MappingProxyType({
    "object": frozenset((
        "properties", "required", "additionalProperties", "minProperties",
        "maxProperties",
    )),
    "array": frozenset(("items", "minItems", "maxItems", "uniqueItems")),
    "string": frozenset((
        "format", "pattern", "minLength", "maxLength", "contentEncoding",
        "contentMediaType",
    )),
    "integer": _OF_NUMBERS,
    "number": _OF_NUMBERS,
    "boolean": frozenset(),
    "null": frozenset(),
})
"""What may stand in a schema of a type; bounds are sent as words, and judged here."""
# fmt: on
_LITERALS = frozenset(("enum", "const"))
_TEXTS = ("title", "description", "format")
_OF_THE_WHOLE = frozenset(("$defs", "$schema", "$id"))
_REF = re.compile(r"#/\$defs/([^/~%]+)")


def is_enforceable(schema: Json) -> bool:
    """Tell whether a schema can be enforced without shutting out what it allows.

    The API knows no object with properties of any name and no value of any kind, no
    schema that contains itself, and few optional properties and unions. An object
    that names its properties and says nothing of others is taken for closed.
    """
    if not isinstance(schema, dict):
        return False
    named = schema.get("$defs", {})
    if not isinstance(named, dict):
        return False
    rest = {key: at for key, at in schema.items() if key not in _OF_THE_WHOLE}
    defined = {name: [*_subschemas(part)] for name, part in named.items()}
    parts = [*_subschemas(rest), *chain.from_iterable(defined.values())]
    return (
        all(map(_is_plain, parts))
        and _references(parts) <= named.keys()
        and not _goes_round({name: _references(at) for name, at in defined.items()})
        and sum(map(_optional, parts)) <= _MOST_OPTIONAL
        and sum("anyOf" in part or "oneOf" in part for part in parts) <= _MOST_UNIONS
    )


def _subschemas(schema: Json) -> Iterator[Json]:
    """Yield a schema and all within it, as far as they are looked at."""
    waiting = [schema]
    while waiting:
        here = waiting.pop()
        yield here
        if not isinstance(here, dict):
            continue
        for key in ("anyOf", "oneOf"):
            if isinstance(several := here.get(key), list):
                waiting += several
        if isinstance(properties := here.get("properties"), dict):
            waiting += properties.values()
        if "items" in here:
            waiting.append(here["items"])


def _is_plain(schema: Json) -> bool:
    """Tell whether a schema says what it allows in one of the ways that are known."""
    if not isinstance(schema, dict):
        return False
    if not all(isinstance(schema.get(key, ""), str) for key in _TEXTS):
        return False
    said = schema.keys() - _NOTES
    if said & _LITERALS:
        return said <= {"type", *_LITERALS} and _has_plain_literals(schema)
    if said in ({"anyOf"}, {"oneOf"}):
        (choices,) = (schema[key] for key in said)
        return isinstance(choices, list) and bool(choices)
    if said == {"$ref"}:
        return _name(schema) is not None
    kind = schema.get("type")
    if not isinstance(kind, str) or kind not in _OF_TYPE:
        return False
    if not said - {"type"} <= _OF_TYPE[kind]:
        return False
    if kind == "object":
        return _is_closed(schema)
    return kind != "array" or "items" in schema


def _has_plain_literals(schema: JsonObject) -> bool:
    values = schema.get("enum", [None])
    if not isinstance(values, list) or not values:
        return False
    plain = (str, int, float, bool, type(None))
    return all(isinstance(value, plain) for value in (*values, schema.get("const")))


def _is_closed(schema: JsonObject) -> bool:
    properties = schema.get("properties", {})
    required = schema.get("required", [])
    if not isinstance(properties, dict) or not isinstance(required, list):
        return False
    if not all(isinstance(name, str) and name in properties for name in required):
        return False
    return schema.get("additionalProperties", False if properties else None) is False


def _optional(schema: JsonObject) -> int:
    """Count the properties of an object that may be left out."""
    return len(schema.get("properties", {}).keys() - set(schema.get("required", ())))


def _references(parts: Iterable[JsonObject]) -> set[str]:
    return {name for part in parts if (name := _name(part)) is not None}


def _name(schema: JsonObject) -> str | None:
    ref = schema.get("$ref")
    match = _REF.fullmatch(ref) if isinstance(ref, str) else None
    return match[1] if match else None


def _goes_round(refers: Mapping[str, set[str]]) -> bool:
    try:
        TopologicalSorter(refers).prepare()
    except CycleError:
        return True
    return False
