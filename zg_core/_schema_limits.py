"""Which JSON Schemas are refused before anything is done with them.

A schema may come from a stranger. One that is used refers to nothing but itself, is
of a bounded size, and costs no more than it looks.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from typing import TypeAlias
from urllib.parse import unquote

from ._json import Json, JsonObject
from ._patterns import searcher
from .errors import PluginError

__all__ = ["checked_text", "subschemas"]

_MOST_CHARACTERS = 65_536
_MOST_SUBSCHEMAS = 1_000
_DEEPEST = 64
_MOST_AT_ONCE = 32
"""How many schemas may apply to one value by way of each other."""

Path: TypeAlias = tuple[str, ...]

_IN_PLACE = {"not", "if", "then", "else"}
_IN_PLACE_LISTS = {"allOf", "anyOf", "oneOf"}
_ONE = {
    *_IN_PLACE,
    "additionalProperties",
    "contains",
    "contentSchema",
    "items",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
}
_LISTS = {*_IN_PLACE_LISTS, "prefixItems"}
_NAMED = {
    "$defs",
    "definitions",
    "dependentSchemas",
    "patternProperties",
    "properties",
}
_ELSEWHERE = {
    "$anchor",
    "$dynamicAnchor",
    "$dynamicRef",
    "$id",
    "$recursiveAnchor",
    "$recursiveRef",
}


def checked_text(schema: JsonObject) -> str:
    """Return a schema as JSON, after a look at whether it may be used.

    Raises:
        PluginError: If it may not; the cause names the place.
    """
    try:
        text = json.dumps(schema, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise PluginError(
            f"a JSON Schema holds what is no JSON: {error}",
            "write it with plain JSON values",
        ) from error
    if len(text) > _MOST_CHARACTERS:
        raise _refused(
            f"it has {len(text):,} characters; {_MOST_CHARACTERS:,} is most", ()
        )
    _check(text)
    return text


def subschemas(schema: Json) -> Iterator[tuple[Path, JsonObject]]:
    """Yield all the schemas within a schema, itself first, with their places.

    What stands in a value, as in ``enum`` or ``default``, is no schema.
    """
    waiting: list[tuple[Path, Json]] = [((), schema)]
    while waiting:
        path, here = waiting.pop()
        if not isinstance(here, dict):
            continue  # true or false; or what is no schema, which is found later
        yield path, here
        for key, below in here.items():
            waiting += [((*path, *step), part) for step, part in _parts(key, below)]


def _parts(key: str, value: Json) -> list[tuple[Path, Json]]:
    if key in _ONE:
        return [((key,), value)]
    if key in _LISTS and isinstance(value, list):
        return [((key, str(number)), part) for number, part in enumerate(value)]
    if key in _NAMED and isinstance(value, dict):
        return [((key, name), part) for name, part in value.items()]
    return []


@lru_cache(maxsize=256)
def _check(text: str) -> None:
    found: dict[Path, JsonObject] = {}
    for path, schema in subschemas(json.loads(text)):
        found[path] = schema
        if len(found) > _MOST_SUBSCHEMAS:
            raise _refused(f"it has more than {_MOST_SUBSCHEMAS:,} subschemas", ())
        if len(path) > _DEEPEST:
            raise _refused(f"it is nested deeper than {_DEEPEST} levels", path)
        _check_references(path, schema)
        _check_patterns(path, schema)
    _check_unevaluated(found)
    _check_in_place(found)


def _check_references(path: Path, schema: JsonObject) -> None:
    for key in _ELSEWHERE & schema.keys():
        if path or key != "$id":  # the name of the whole changes nothing
            raise _refused(f"{key} is not followed", path, _OWN_PARTS)
    ref = schema.get("$ref")
    if isinstance(ref, str) and ref != "#" and not ref.startswith("#/"):
        raise _refused(f"$ref {ref[:90]!r} leads elsewhere", path, _OWN_PARTS)


_OWN_PARTS = "let every $ref name a part of the same schema, as in '#/$defs/part'"


def _check_patterns(path: Path, schema: JsonObject) -> None:
    named = schema.get("patternProperties")
    patterns = [*named] if isinstance(named, dict) else []
    for pattern in [*patterns, schema.get("pattern")]:
        if not isinstance(pattern, str):
            continue
        try:
            searcher(pattern)
        except ValueError as error:
            raise _refused(
                f"the pattern {pattern[:90]!r} cannot be matched ({error})",
                path,
                "write it in RE2's syntax, without look-around and back-references",
            ) from error


def _check_unevaluated(found: dict[Path, JsonObject]) -> None:
    """Refuse what the library we validate with would do unbounded work for."""
    used = {key for schema in found.values() for key in schema}
    for key in used & {"unevaluatedItems", "unevaluatedProperties"}:
        for other in used & {"dependentSchemas", "patternProperties"}:
            raise _refused(
                f"{key} together with {other} is not supported",
                (),
                "use additionalProperties instead",
            )


def _check_in_place(found: dict[Path, JsonObject]) -> None:
    """Refuse schemas that apply each other to one and the same value without end."""
    graph = {path: [*_applied(path, schema, found)] for path, schema in found.items()}
    try:
        order = [*TopologicalSorter(graph).static_order()]
    except CycleError as error:
        raise _refused(
            "a $ref leads back to itself, and nothing of the value is consumed",
            error.args[1][0],
            "let a recursive schema refer to itself from a property or an item",
        ) from error
    applied: dict[Path, int] = {}
    for path in order:
        applied[path] = 1 + max((applied[p] for p in graph[path]), default=0)
        if applied[path] > _MOST_AT_ONCE:
            raise _refused(
                f"more than {_MOST_AT_ONCE} schemas apply by way of each other", path
            )


def _applied(
    path: Path, schema: JsonObject, found: dict[Path, JsonObject]
) -> Iterator[Path]:
    """Yield the places of what a schema applies to the very value it is applied to."""
    ref = schema.get("$ref")
    if isinstance(ref, str):
        target = _target(ref)
        if target not in found:
            raise _refused(
                f"$ref {ref[:90]!r} names no part of the schema", path, _OWN_PARTS
            )
        yield target
    for key, value in schema.items():
        if key in _IN_PLACE or key in _IN_PLACE_LISTS or key == "dependentSchemas":
            for step, _ in _parts(key, value):
                if (*path, *step) in found:
                    yield (*path, *step)


def _target(ref: str) -> Path:
    parts = unquote(ref[1:]).split("/")[1:]
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in parts)


def _refused(why: str, path: Path, remedy: str = "") -> PluginError:
    parts = "".join(
        f"/{part.replace('~', '~0').replace('/', '~1')}" for part in path[:8]
    )
    return PluginError(
        f"a JSON Schema is refused at #{parts[:200]}: {why}",
        remedy or "make it smaller and flatter",
    )
