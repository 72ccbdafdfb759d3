"""What a tool's arguments must look like, and whether they do.

The schema is JSON Schema, draft 2020-12. A tool made of a function takes it from
the signature and from the ``Args:`` section of a Google docstring; pydantic
writes it, and reads arguments into the types it was written from.
"""

from __future__ import annotations

import inspect
import json
import re
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

from ._adapters import adapter_of
from ._json import Json, JsonObject
from ._names import clean_description
from .contexts import Context
from .errors import PluginError, ToolArgumentsError
from .specs import ToolSpec

if TYPE_CHECKING:
    from jsonschema.exceptions import SchemaError, ValidationError
    from jsonschema.protocols import Validator
    from pydantic import TypeAdapter

__all__ = ["argument_errors", "call_function", "parameters_of"]

_MOST_ERRORS = 10
_LONGEST_ERROR = 300  # characters


def parameters_of(spec: ToolSpec) -> JsonObject:
    """Return the JSON Schema of a tool's arguments.

    Raises:
        PluginError: If it is a function whose parameters have none.
    """
    if spec.parameters is not None:
        return spec.parameters
    if spec.function is None:
        return {"type": "object", "properties": {}}
    return _signature(spec.function).schema


def argument_errors(schema: JsonObject, value: Json) -> list[str]:
    """Say in what a JSON value does not fit a schema, in words for a model.

    Each message begins with the place: ``steps[2].title: 'x' is too short``. There
    are at most ten, and none is longer than 300 characters. A ``$ref`` to
    anything outside the schema is an error and never fetched.

    Raises:
        PluginError: If the schema itself is none.
    """
    from jsonschema.exceptions import best_match
    from referencing.exceptions import Unresolvable

    validator = _validator(_text_of(schema))
    try:
        found = list(islice(validator.iter_errors(value), _MOST_ERRORS))
    except (Unresolvable, RecursionError) as error:
        raise PluginError(
            f"a JSON Schema refers to what it does not hold: {error}",
            "let every $ref name a part of the same schema",
        ) from error
    # Of an anyOf, what was probably meant.
    return [_message(best_match([error])) for error in found]


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
    from anyio import to_thread

    result = await to_thread.run_sync(
        partial(function, **typed), abandon_on_cancel=True
    )
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
            problems = [
                f"{_place(problem['loc'])}: {problem['msg']}"
                for problem in error.errors(include_url=False)[:_MOST_ERRORS]
            ]
            raise ToolArgumentsError(
                "the arguments do not fit: " + "; ".join(problems),
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
        schema = adapter.json_schema(schema_generator=_untitled())
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


def _untitled() -> Any:
    """Return pydantic's generator without titles: they repeat the names."""
    from pydantic.json_schema import GenerateJsonSchema

    class Untitled(GenerateJsonSchema):
        def field_title_should_be_set(self, schema: Any) -> bool:
            return False

    return Untitled


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


# -- Against a schema ----------------------------------------------------------------


def _text_of(schema: JsonObject) -> str:
    try:
        return json.dumps(schema)
    except (TypeError, ValueError) as error:
        raise PluginError(
            f"a JSON Schema holds what is no JSON: {error}",
            "write it with plain JSON values",
        ) from error


@lru_cache(maxsize=256)
def _validator(schema: str) -> Validator:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError
    from referencing import Registry

    parsed = json.loads(schema)
    try:
        Draft202012Validator.check_schema(parsed)
    except SchemaError as error:
        raise PluginError(
            f"a JSON Schema is not valid: {_message(error)}",
            "correct it; the draft is 2020-12",
        ) from error
    # Given a registry of its own it does not fetch what is not in there.
    return Draft202012Validator(parsed, registry=Registry())


def _message(error: ValidationError | SchemaError) -> str:
    place = _place(tuple(error.absolute_path))
    text = error.message
    if len(text) > _LONGEST_ERROR - 100:
        rule = f"{error.validator}: {json.dumps(error.validator_value)}"
        text = f"{_short(repr(error.instance))} does not fit {_short(rule)}"
    return f"{_short(place)}: {text}" if place else text


def _place(path: tuple[str | int, ...]) -> str:
    """Write a path as ``steps[2].title``; the whole value has none."""
    text = ""
    for part in path:
        if isinstance(part, str) and part.isidentifier():
            text += f".{part}"
        else:
            text += f"[{json.dumps(part)}]"
    return text.removeprefix(".")


def _short(text: str) -> str:
    return text if len(text) <= 90 else f"{text[:89]}…"
