"""Make pydantic's adapters and their schemas, whatever else is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._isolation import contain
from ._json import JsonObject

if TYPE_CHECKING:
    from pydantic import ConfigDict, TypeAdapter

__all__ = ["adapter_of", "schema_of"]


def adapter_of(kind: Any, config: ConfigDict | None = None) -> TypeAdapter[Any]:
    """Return what reads and writes values of a type.

    The first in a process has pydantic look for plugins of its own among all that
    is installed, which fails if the metadata of any package is corrupt. The next
    does not look again.
    """
    from pydantic import TypeAdapter

    with contain():
        return TypeAdapter(kind, config=config)
    return TypeAdapter(kind, config=config)


def schema_of(adapter: TypeAdapter[Any]) -> JsonObject:
    """Return a type's JSON Schema, without titles: they repeat the names."""
    from pydantic.json_schema import GenerateJsonSchema

    class Untitled(GenerateJsonSchema):
        def field_title_should_be_set(self, schema: Any) -> bool:
            return False

    schema: JsonObject = adapter.json_schema(schema_generator=Untitled)
    return schema
