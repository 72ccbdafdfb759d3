"""What an answer must look like: a JSON Schema, or a type that pydantic knows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ._adapters import adapter_of, schema_of
from ._json import Json, JsonObject
from ._schema_limits import checked_text
from ._validation import argument_errors, typed_errors
from .errors import PluginError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = ["Shape", "shape_of"]


@dataclass(frozen=True, slots=True)
class Shape:
    """What an answer must look like.

    Attributes:
        schema: As JSON Schema.
        adapter: Reads it into a type; `None` if there is only the schema.
    """

    schema: JsonObject
    adapter: TypeAdapter[Any] | None = None

    def errors(self, value: Json) -> list[str]:
        """Say in what a JSON value does not fit; see `argument_errors`."""
        errors = argument_errors(self.schema, value)
        if errors or self.adapter is None:
            return errors
        from pydantic import ValidationError

        try:
            self.adapter.validate_python(value)
        except ValidationError as error:
            return typed_errors(error)
        return []


def shape_of(wanted: JsonObject | Any) -> Shape:
    """Return the shape of a JSON Schema, or of a type such as a pydantic model.

    Raises:
        PluginError: If it has no JSON Schema, or one that may not be used.
    """
    shape = Shape(wanted) if isinstance(wanted, dict) else _of_type(wanted)
    checked_text(shape.schema)
    return shape


@lru_cache(maxsize=256)
def _of_type(kind: Any) -> Shape:
    from pydantic.errors import PydanticUserError

    try:
        adapter = adapter_of(kind)
        return Shape(schema_of(adapter), adapter)
    except (PydanticUserError, NameError, TypeError, ValueError) as error:
        name = getattr(kind, "__qualname__", repr(kind))
        cause = str(error).splitlines()[0]
        raise PluginError(
            f"the output schema {name} has no JSON Schema: {cause}",
            "give a JSON Schema, or a pydantic model of JSON types",
        ) from error
