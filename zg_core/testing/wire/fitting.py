"""A value that fits a JSON Schema, always the same one."""

from __future__ import annotations

from ..._json import Json, JsonObject

__all__ = ["fitting"]

_WORDS = "a plain answer that fits what was asked for"


def fitting(schema: JsonObject, root: JsonObject | None = None) -> Json:
    """Return a small value that fits *schema*.

    It knows what schemas of agents use: types, properties, items, bounds, ``enum``,
    ``const``, ``anyOf``, ``oneOf``, ``allOf`` and ``$ref`` into ``$defs``. It knows
    no ``pattern``, ``format`` or ``not``.

    Args:
        schema: The schema.
        root: What a ``$ref`` in it points into; itself by default.
    """
    root = schema if root is None else root
    match schema:
        case {"$ref": ref}:
            return fitting(root["$defs"][ref.rpartition("/")[2]], root)
        case {"const": value} | {"enum": [value, *_]}:
            return value
        case {"anyOf": [first, *_]} | {"oneOf": [first, *_]}:
            return fitting(first, root)
        case {"allOf": parts, **others}:
            merged = {key: value for part in parts for key, value in part.items()}
            return fitting(merged | others, root)
        case {"type": [first, *_]}:
            return fitting(schema | {"type": first}, root)
        case {"type": "object"} | {"properties": _}:
            parts = schema.get("properties", {})
            return {name: fitting(part, root) for name, part in parts.items()}
        case {"type": "array"}:
            item = fitting(schema.get("items", {}), root)
            return [item] * max(1, schema.get("minItems", 1))
        case {"type": "integer" | "number"}:
            return _number(schema)
        case {"type": "boolean"}:
            return True
        case {"type": "null"}:
            return None
    return _text(schema.get("minLength", 0), schema.get("maxLength", len(_WORDS)))


def _number(schema: JsonObject) -> Json:
    if "exclusiveMinimum" in schema:
        return schema["exclusiveMinimum"] + 1
    return schema.get("minimum", min(1, schema.get("maximum", 1)))


def _text(least: int, most: int) -> str:
    return _WORDS[:most].strip().ljust(least, ".")
