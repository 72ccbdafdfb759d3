"""What a tool's arguments must look like, and whether they do."""

from __future__ import annotations

import datetime as dt
import enum
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator, Field

import zg_core.plugin_api as zg
from zg_core._schema import call_function, parameters_of
from zg_core._validation import argument_errors
from zg_core.contexts import Context

if TYPE_CHECKING:
    from zg_core.contexts import Context as OnlyForTypeCheckers

CTX = cast("Context", object())


class Unit(enum.Enum):
    CELSIUS = "celsius"
    KELVIN = "kelvin"


@dataclass
class Place:
    city: str
    country: str = "DE"


@zg.tool
def forecast(
    place: Place,
    days: int = 3,
    unit: Unit = Unit.CELSIUS,
    since: dt.date | None = None,
    *,
    ctx: Context,
    tags: tuple[str, ...] = (),
    json: Any = None,
) -> str:
    """Tell the weather.

    Args:
        place: Where,
            in any country.
        days (int): How many days:
            one to ten.
        since: The first day.

        unknown: Not a parameter.

    Returns:
        tags: This is not about a parameter.
    """
    assert ctx is CTX
    return repr((place, days, unit, since, tags, json))


def test_a_schema_comes_from_signature_and_docstring() -> None:
    assert parameters_of(forecast) == {
        "type": "object",
        "additionalProperties": False,
        "required": ["place"],
        "properties": {
            "place": {
                "$ref": "#/$defs/Place",
                "description": "Where, in any country.",
            },
            "days": {
                "type": "integer",
                "default": 3,
                "description": "How many days: one to ten.",
            },
            "unit": {"$ref": "#/$defs/Unit", "default": "celsius"},
            "since": {
                "anyOf": [{"type": "string", "format": "date"}, {"type": "null"}],
                "description": "The first day.",
            },
            "tags": {"type": "array", "items": {"type": "string"}, "default": []},
            "json": {},
        },
        "$defs": {
            "Place": {
                "title": "Place",
                "type": "object",
                "additionalProperties": False,
                "required": ["city"],
                "properties": {
                    "city": {"type": "string"},
                    "country": {"type": "string", "default": "DE"},
                },
            },
            "Unit": {"title": "Unit", "type": "string", "enum": ["celsius", "kelvin"]},
        },
    }


def test_a_schema_is_worked_out_once() -> None:
    assert parameters_of(forecast) is parameters_of(forecast)


def test_a_schema_that_was_given_is_taken_as_it_is() -> None:
    schema = {"type": "object", "properties": {"url": {"type": "string"}}}
    spec = zg.ToolSpec(name="fetch", factory="zg_x:fetch", parameters=schema)
    bare = zg.ToolSpec(name="fetch", factory="zg_x:fetch")

    assert parameters_of(spec) is schema
    assert parameters_of(bare) == {"type": "object", "properties": {}}


@zg.tool
def lazily_typed(text: str, ctx: OnlyForTypeCheckers | None = None) -> str:
    return text


@zg.tool
def unannotated(text, ctx: zg.Context = CTX):  # type: ignore[no-untyped-def]
    return text


@pytest.mark.parametrize(
    ("spec", "names"),
    [
        (unannotated, {"text"}),
        (zg.tool(name="described")(lambda a, b=1: a), {"a", "b"}),
    ],
)
def test_the_context_is_not_shown_to_the_model(
    spec: zg.ToolSpec, names: set[str]
) -> None:
    assert parameters_of(spec)["properties"].keys() == names


def test_a_context_imported_for_type_checkers_alone_is_known_by_its_name() -> None:
    namespace: dict[str, Any] = {}
    exec(
        "from __future__ import annotations\n"
        "def read(path: str, ctx: Context) -> str: return path\n",
        namespace,
    )

    schema = parameters_of(zg.tool(namespace["read"]))

    assert schema["properties"].keys() == {"path"}


def many(*paths: str) -> None: ...
def anything(**options: str) -> None: ...
def by_place(path: str, /) -> None: ...
def odd_type(stream: threading.Lock) -> None: ...
def callback(done: Callable[[], None]) -> None: ...
def odd_default(text: str = cast("str", object())) -> None: ...
def unknown_type(text: Nowhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821


@pytest.mark.parametrize(
    "function",
    [
        many,
        anything,
        by_place,
        odd_type,
        callback,
        odd_default,
        unknown_type,
        lazily_typed.function,
    ],
)
def test_parameters_that_json_cannot_carry_are_the_plugins_fault(
    function: Callable[..., Any],
) -> None:
    with pytest.raises(zg.PluginError) as caught:
        parameters_of(zg.tool(function))

    assert function.__name__ in caught.value.cause
    assert "\n" not in str(caught.value)


SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["steps"],
    "properties": {
        "steps": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["title"],
                "properties": {
                    "title": {"type": "string", "minLength": 2, "maxLength": 20},
                    "odd key": {"enum": ["a", "b"]},
                    "when": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
                },
            },
        }
    },
}


@pytest.mark.parametrize(
    ("value", "errors"),
    [
        ({"steps": [{"title": "fine"}]}, []),
        ([], ["[] is not of type 'object'"]),
        ({}, ["'steps' is a required property"]),
        (
            {"steps": [], "more": 1},
            ["Additional properties are not allowed ('more' was unexpected)"],
        ),
        (
            {"steps": [{"title": "ok"}, {"title": 3}, {}]},
            [
                "steps[1].title: 3 is not of type 'string'",
                "steps[2]: 'title' is a required property",
            ],
        ),
        (
            {"steps": [{"title": "ok", "odd key": "c"}]},
            ["steps[0][\"odd key\"]: 'c' is not one of ['a', 'b']"],
        ),
        (
            {"steps": [{"title": "ok", "when": "soon"}]},
            ["steps[0].when: 'soon' is not valid under any of the given schemas"],
        ),
    ],
)
def test_each_error_names_the_place_and_the_rule(value: Any, errors: list[str]) -> None:
    assert argument_errors(SCHEMA, value) == errors


def test_errors_are_few_and_short_enough_to_send_to_a_model() -> None:
    value = {"steps": [{"title": "x" * 100_000}] * 100}

    errors = argument_errors(SCHEMA, value)

    assert len(errors) == 10
    assert all(len(error) <= 300 for error in errors)
    assert errors[0].startswith("steps[0].title: 'xxx")
    assert errors[0].endswith("does not fit maxLength: 20")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(json_values)
def test_any_json_value_is_judged(value: Any) -> None:
    errors = argument_errors(SCHEMA, value)

    assert errors == argument_errors(SCHEMA, value)
    assert all(len(error) <= 300 for error in errors)


def test_a_reference_to_elsewhere_is_an_error_and_not_fetched() -> None:
    with pytest.raises(zg.PluginError, match=r"let every \$ref name a part"):
        argument_errors({"$ref": "http://127.0.0.1:9/schema.json"}, {})


def test_a_reference_that_never_ends_is_an_error() -> None:
    loop = {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}

    with pytest.raises(zg.PluginError, match=r"\$ref"):
        argument_errors(loop, {})


@pytest.mark.parametrize(
    ("schema", "cause"),
    [
        ({"type": "strnig"}, "type: 'strnig' is not valid"),
        ({"pattern": "["}, "the pattern '\\[' cannot be matched"),
        ({"enum": {1, 2}}, "holds what is no JSON"),
    ],
)
def test_a_schema_that_is_none_is_the_plugins_fault(
    schema: dict[str, Any], cause: str
) -> None:
    with pytest.raises(zg.PluginError, match=cause):
        argument_errors(schema, {})


@pytest.mark.anyio
async def test_arguments_become_what_the_function_is_annotated_with() -> None:
    arguments = {
        "place": {"city": "Bonn"},
        "unit": "kelvin",
        "since": "2026-08-01",
        "tags": ["a", "b"],
        "json": {"free": True},
    }

    assert await call_function(forecast, arguments, CTX) == repr(
        (
            Place("Bonn"),
            3,
            Unit.KELVIN,
            dt.date(2026, 8, 1),
            ("a", "b"),
            {"free": True},
        )
    )


def no_vowels(text: str) -> str:
    if set(text) & set("aeiou"):
        raise ValueError("there are vowels in it")
    return text


@zg.tool
async def shout(
    text: Annotated[str, AfterValidator(no_vowels)],
    times: Annotated[int, Field(ge=1, description="How often.")] = 1,
    how: Literal["loud", "louder"] = "loud",
) -> str:
    return text.upper() * times


@pytest.mark.anyio
async def test_an_async_function_is_awaited() -> None:
    assert await call_function(shout, {"text": "psst ", "times": 2}, CTX) == (
        "PSST PSST "
    )


def test_what_pydantic_says_of_a_type_is_in_the_schema() -> None:
    properties = parameters_of(shout)["properties"]

    assert properties["times"] == {
        "type": "integer",
        "minimum": 1,
        "default": 1,
        "description": "How often.",
    }
    assert properties["how"]["enum"] == ["loud", "louder"]


@pytest.mark.anyio
async def test_what_the_types_refuse_is_told_to_the_model() -> None:
    with pytest.raises(zg.ToolArgumentsError) as caught:
        await call_function(shout, {"text": "aha", "times": 0}, CTX)

    assert str(caught.value) == (
        "the arguments do not fit: text: Value error, there are vowels in it; "
        "times: Input should be greater than or equal to 1; "
        "change what is named and call the tool again"
    )


@pytest.mark.anyio
async def test_a_plain_function_that_returns_an_awaitable_is_awaited() -> None:
    @zg.tool
    def later() -> Any:
        async def answer() -> int:
            return 42

        return answer()

    assert await call_function(later, {}, CTX) == 42


@pytest.mark.anyio
async def test_a_plain_function_neither_blocks_nor_holds_up_a_cancellation() -> None:
    began, release = threading.Event(), threading.Event()

    @zg.tool
    def hang() -> None:
        began.set()
        release.wait(30)

    try:
        async with anyio.create_task_group() as group:
            group.start_soon(call_function, hang, {}, CTX)
            while not began.is_set():
                await anyio.sleep(0.001)
            group.cancel_scope.cancel()
    finally:
        assert not release.is_set()
        release.set()
