"""What a tool's arguments must look like.

A tool made of a function takes their JSON Schema from the signature and from the
``Args:`` section of a Google docstring; pydantic writes it, and reads arguments into
the types it was written from.
"""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Annotated, Any

from ._adapters import adapter_of, schema_of
from ._json import JsonObject
from ._names import clean_description
from ._schema_limits import checked_text
from ._threads import in_thread
from ._validation import typed_errors
from .contexts import Context
from .errors import PluginError, ToolArgumentsError
from .specs import ToolSpec

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = ["call_function", "parameters_of"]


def parameters_of(spec: ToolSpec) -> JsonObject:
    """Return the JSON Schema of a tool's arguments.

    Raises:
        PluginError: If it is a function whose parameters have none, or it may not be
            used; see `checked_text`.
    """
    if spec.parameters is not None:
        checked_text(spec.parameters)
        return spec.parameters
    if spec.function is None:
        return {"type": "object", "properties": {}}
    return _signature(spec.function).schema


async def call_function(spec: ToolSpec, arguments: JsonObject, ctx: Context) -> Any:
    """Call a tool's function with JSON arguments, read into its own types.

    A plain function runs in a thread, which is abandoned when the call is cancelled.

    Raises:
        ToolArgumentsError: If the function's types refuse the arguments.
        PluginError: If the function's parameters have no schema.
    """
    assert spec.function is not None
    function = spec.function
    signature = _signature(function)
    typed = signature.read(arguments)
    if signature.context is not None:
        typed[signature.context] = ctx
    if inspect.iscoroutinefunction(function):
        return await function(**typed)
    result = await in_thread(partial(function, **typed))
    return await result if inspect.isawaitable(result) else result


# -- From signatures -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Signature:
    """A function's parameters, as pydantic understands them.

    Attributes:
        schema: JSON Schema of those that a model fills in.
        context: Name of the one that gets the `Context`.
    """

    schema: JsonObject
    adapter: TypeAdapter[Any]
    context: str | None

    def read(self, arguments: JsonObject) -> dict[str, Any]:
        from pydantic import ValidationError

        try:
            return dict(self.adapter.validate_python(arguments))
        except ValidationError as error:
            raise ToolArgumentsError(
                "the arguments do not fit: " + "; ".join(typed_errors(error)),
                "change what is named and call the tool again",
            ) from error


@lru_cache(maxsize=1024)
def _signature(function: Callable[..., Any]) -> _Signature:
    from pydantic import ConfigDict
    from pydantic.errors import PydanticUserError
    from typing_extensions import TypedDict

    told = _told_of_parameters(inspect.getdoc(function) or "")
    fields: dict[str, Any] = {}
    context = None
    try:
        for parameter, hint in _parameters(function):
            if hint is Context or Context in typing.get_args(hint):
                context = parameter.name
            else:
                description = told.get(parameter.name)
                fields[parameter.name] = _field(parameter, hint, description)
        shape = TypedDict("shape", fields)  # type: ignore[misc]  # made at run time
        shape.__pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[attr-defined]
        adapter = adapter_of(shape)
        schema = schema_of(adapter)
    except (PydanticUserError, NameError, TypeError, ValueError) as error:
        name = getattr(function, "__qualname__", repr(function))
        raise PluginError(
            f"the parameters of {name} have no JSON Schema: "
            + str(error).splitlines()[0],
            "annotate them with JSON types that are defined at module level",
        ) from error
    del schema["title"]
    return _Signature(schema, adapter, context)


def _field(parameter: inspect.Parameter, hint: Any, description: str | None) -> Any:
    from pydantic import Field
    from pydantic_core import to_jsonable_python

    shown: JsonObject = {"description": description} if description else {}
    if parameter.default not in (parameter.empty, None):
        shown["default"] = to_jsonable_python(parameter.default)
    field = Annotated[hint, Field(json_schema_extra=shown)]
    # What a model leaves out, the function itself fills in.
    required = parameter.default is parameter.empty
    return field if required else typing.NotRequired[field]


def _parameters(
    function: Callable[..., Any],
) -> Iterator[tuple[inspect.Parameter, Any]]:
    """Yield each parameter with its type, looked up where it is a text."""
    parameters = inspect.signature(function).parameters

    def annotated() -> None:
        """Carry annotations; those of *function* may have more than parameters."""

    annotated.__annotations__ = {
        name: parameter.annotation
        for name, parameter in parameters.items()
        if parameter.annotation is not parameter.empty
    }
    # Authors may import Context for type checking alone.
    known = {"Context": Context, **getattr(inspect.unwrap(function), "__globals__", {})}
    hints = typing.get_type_hints(annotated, known, include_extras=True)
    for name, parameter in parameters.items():
        if parameter.kind not in (
            parameter.POSITIONAL_OR_KEYWORD,
            parameter.KEYWORD_ONLY,
        ):
            raise TypeError(f"a model cannot fill in {str(parameter)!r}")
        yield parameter, hints.get(name, Any)


_ARGS = re.compile(r"(?:Args|Arguments):")
_ARG = re.compile(r"(\w+)\s*(?:\([^)]*\))?:\s*(.*)")


def _told_of_parameters(docstring: str) -> dict[str, str]:
    """Return what a Google docstring's ``Args:`` says of each parameter."""
    lines = iter(docstring.splitlines())
    for line in lines:
        if _ARGS.fullmatch(line.strip()):
            break
    told: dict[str, str] = {}
    name, margin = "", None
    for line in lines:
        text = line.strip()
        indent = len(line) - len(line.lstrip())
        if not text:
            continue
        if indent == 0:
            break  # the next section
        margin = indent if margin is None else margin
        found = _ARG.fullmatch(text) if indent == margin else None
        if found:
            name, text = found.groups()
        told[name] = f"{told.get(name, '')} {text}".strip()
    return {name: clean_description(text) for name, text in told.items()}
