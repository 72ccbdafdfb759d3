"""Values that fit a JSON Schema, any of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ..._json import Json, JsonObject
from ..._patterns import searcher
from .._strategies import json_values

__all__ = ["fitting_values"]


def fitting_values(
    schema: JsonObject | bool, root: JsonObject | None = None, depth: int = 0
) -> SearchStrategy[Json]:
    """Return a strategy for values that fit *schema*.

    It knows what is made of the signatures of tools: types, properties, items,
    bounds, ``pattern``, ``enum``, ``const``, ``anyOf``, ``oneOf``, ``allOf`` and
    ``$ref`` into ``$defs``. What it does not know may make values that do not fit.
    """
    if isinstance(schema, bool):
        return json_values
    root = schema if root is None else root
    match schema:
        case {"$ref": ref}:
            part = root["$defs"][ref.rpartition("/")[2]]
            return st.deferred(lambda: fitting_values(part, root, depth + 1))
        case {"const": value}:
            return st.just(value)
        case {"enum": values}:
            return st.sampled_from(values)
        case {"anyOf": parts} | {"oneOf": parts}:
            if depth > 3:  # what refers to itself comes to an end
                parts = [part for part in parts if "$ref" not in str(part)] or parts
            return st.one_of(*(fitting_values(p, root, depth) for p in parts))
        case {"allOf": parts, **others}:
            merged = {key: value for part in parts for key, value in part.items()}
            return fitting_values(merged | others, root, depth)
        case {"type": [*types]}:
            kinds = (schema | {"type": kind} for kind in types)
            return st.one_of(*(fitting_values(kind, root, depth) for kind in kinds))
        case {"type": "object"} | {"properties": _}:
            return _objects(schema, root, depth)
        case {"type": "array"}:
            return _arrays(schema, root, depth)
        case {"type": "integer"}:
            return st.integers(*_bounds(schema))
        case {"type": "number"}:
            return st.floats(
                schema.get("minimum"),
                schema.get("maximum"),
                allow_nan=False,
                allow_infinity=False,
            ).filter(_inside(schema))
        case {"type": "boolean"}:
            return st.booleans()
        case {"type": "null"}:
            return st.none()
        case {"type": "string"}:
            return _texts(schema)
    return json_values


def _objects(schema: JsonObject, root: JsonObject, depth: int) -> SearchStrategy[Json]:
    parts = schema.get("properties", {})
    needed = schema.get("required", ())
    values = {name: fitting_values(p, root, depth) for name, p in parts.items()}
    further = schema.get("additionalProperties", True)
    fixed = st.fixed_dictionaries(
        {name: values.get(name, json_values) for name in needed},
        optional={n: v for n, v in values.items() if n not in needed}
        if depth < 4
        else {},
    )
    if parts or further is False:
        return fixed
    item = json_values if further is True else fitting_values(further, root, depth)
    return st.dictionaries(st.text(max_size=10), item, max_size=3)


def _arrays(schema: JsonObject, root: JsonObject, depth: int) -> SearchStrategy[Json]:
    first = [fitting_values(p, root, depth) for p in schema.get("prefixItems", ())]
    if first:
        return st.tuples(*first).map(list)
    least = schema.get("minItems", 0)
    return st.lists(
        fitting_values(schema.get("items", True), root, depth),
        min_size=least,
        max_size=schema.get("maxItems", least + (3 if depth < 4 else 0)),
        unique_by=str if schema.get("uniqueItems") else None,
    )


def _texts(schema: JsonObject) -> SearchStrategy[Json]:
    if pattern := schema.get("pattern"):
        found = searcher(pattern)  # Python's engine lets $ stand before a line's end

        def fits(text: Any) -> bool:
            return found(text) and len(text) <= schema.get("maxLength", len(text))

        return st.from_regex(pattern).filter(fits)
    least = schema.get("minLength", 0)
    # Models write no halves of surrogate pairs: their JSON is UTF-8.
    letters = st.characters(exclude_categories=["Cs"])
    return st.text(
        letters, min_size=least, max_size=schema.get("maxLength", least + 20)
    )


def _bounds(schema: JsonObject) -> tuple[int | None, int | None]:
    least, most = schema.get("minimum"), schema.get("maximum")
    if "exclusiveMinimum" in schema:
        least = schema["exclusiveMinimum"] + 1
    if "exclusiveMaximum" in schema:
        most = schema["exclusiveMaximum"] - 1
    return least, most


def _inside(schema: JsonObject) -> Callable[[float], bool]:
    least = schema.get("exclusiveMinimum", float("-inf"))
    most = schema.get("exclusiveMaximum", float("inf"))
    return lambda number: bool(least < number < most)
