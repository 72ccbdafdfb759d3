"""Say how OpenAI is asked to hold an answer to a JSON Schema."""

from __future__ import annotations

from zg_core.plugin_api import Json, JsonObject

__all__ = ["named_schema"]

# fmt: off
_STRICT = frozenset((
    "type", "title", "description", "properties", "required", "additionalProperties",
    "items", "anyOf", "enum", "const", "$ref", "$defs", "pattern", "format", "minimum",
    "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minItems",
    "maxItems",
))
"""What a schema may use to be enforced to the letter."""
_SAYING = frozenset(("type", "anyOf", "enum", "const"))
"""Of which it has to use one: what says nothing of a value is refused."""
_FORMATS = frozenset((
    "date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6",
    "uuid",
))
"""https://platform.openai.com/docs/guides/structured-outputs#supported-schemas"""
# fmt: on


def named_schema(schema: JsonObject) -> JsonObject:
    """Return a schema with a name, and whether it can be enforced to the letter."""
    strict = schema.get("type") == "object" and _is_strict(schema)
    return {"name": "answer", "schema": schema, "strict": strict}


def _is_strict(schema: Json) -> bool:
    """Tell whether OpenAI can enforce a schema; it refuses to try with others."""
    if not isinstance(schema, dict) or not schema.keys() <= _STRICT:
        return False
    if "$ref" in schema:  # which has to stand alone
        return len(schema) == 1
    if not schema.keys() & _SAYING or schema.get("format", "date") not in _FORMATS:
        return False
    types = _types(schema)
    if "array" in types and "items" not in schema:
        return False
    properties = schema.get("properties", {})
    if properties or "object" in types:
        closed = schema.get("additionalProperties") is False
        if not closed or set(schema.get("required", ())) != properties.keys():
            return False
    parts = [*properties.values(), *schema.get("$defs", {}).values()]
    parts += schema.get("anyOf", ())
    parts += [schema["items"]] if "items" in schema else []
    return all(map(_is_strict, parts))


def _types(schema: JsonObject) -> list[Json]:
    types = schema.get("type", [])
    return types if isinstance(types, list) else [types]
