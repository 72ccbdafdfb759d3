"""Laws of Anthropic's schemas: one that is enforced can be sent, and shuts nothing out.

The API closes all objects. So an object is read here as closed where its schema names
properties and says nothing of others; beyond that, all that fits a schema must fit
what is sent.
"""

from __future__ import annotations

from typing import Any

from anthropic import transform_schema
from builtin.vendors import ASKED, make
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from laws.test_schemas import names, schemas, values

from zg_core.plugin_api import Enforcing, JsonObject, Request

PROVIDER = make("anthropic")
literals = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from("ab")
notes = st.fixed_dictionaries({}, optional={"title": st.just("it"), "default": values})
texts = st.fixed_dictionaries(
    {"type": st.just("string")}, optional={"minLength": st.integers(0, 2)}
)
numbers = st.fixed_dictionaries(
    {"type": st.just("integer")}, optional={"minimum": st.integers(-3, 3)}
)
flat: st.SearchStrategy[Any] = st.one_of(
    texts,
    numbers,
    st.sampled_from(["boolean", "null"]).map(lambda kind: {"type": kind}),
    st.lists(literals, min_size=1, max_size=3).map(lambda some: {"enum": some}),
    st.sampled_from(["one", "two"]).map(lambda name: {"$ref": f"#/$defs/{name}"}),
)
vague = st.sampled_from([True, {}, {"type": "array"}, {"type": ["null", "string"]}])


@st.composite
def objects(draw: st.DrawFn, inner: st.SearchStrategy[Any]) -> JsonObject:
    """Draw the schema of an object; some are open, some want what they do not name."""
    properties = draw(st.dictionaries(names, inner, max_size=2))
    several = st.lists(st.sampled_from([*properties] or ["a"]), unique=True)
    more = {"additionalProperties": st.booleans() | inner, "required": several | names}
    shape = {"type": "object", "properties": properties}
    drawn = draw(st.fixed_dictionaries({}, optional=more) | st.just({}))
    if isinstance(drawn.get("required"), str):
        drawn["required"] = [drawn["required"]]
    return shape | drawn


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(inner, min_size=1, max_size=2)
    return st.one_of(
        objects(inner),
        inner.map(lambda items: {"type": "array", "items": items}),
        st.builds(lambda some, more: {"anyOf": some, **more}, several, notes),
        several.map(lambda some: {"oneOf": some}),
        st.builds(lambda some, one: {**one, "anyOf": some}, several, objects(inner)),
    )


usual = st.recursive(flat | flat | vague, nested, max_leaves=6)
roots = usual.filter(lambda schema: isinstance(schema, dict))


@st.composite
def fitting(draw: st.DrawFn, schema: Any, named: JsonObject, deepest: int = 6) -> Any:
    """Draw a value that is likely to fit a schema, also by what it leaves open."""
    if not isinstance(schema, dict) or not deepest:
        return draw(values)

    def within(part: Any) -> Any:
        return draw(fitting(part, named, deepest - 1))

    if "$ref" in schema:
        return within(named[schema["$ref"].removeprefix("#/$defs/")])
    if "enum" in schema:
        return draw(st.sampled_from(schema["enum"]))
    for key in ("anyOf", "oneOf"):
        if key in schema and "type" not in schema:
            return within(draw(st.sampled_from(schema[key])))
    match schema.get("type"):
        case "object":
            properties = schema.get("properties", {})
            made = {key: within(part) for key, part in properties.items()}
            others = schema.get("additionalProperties", not properties)
            return made | ({} if others is False else {"z": within(others)})
        case "array":
            some = range(draw(st.integers(0, 2)))
            return [within(schema.get("items", True)) for _ in some]
        case "string":
            return draw(st.text("ab", max_size=3))
        case "integer":
            return draw(st.integers(-3, 3))
        case "boolean":
            return draw(st.booleans())
        case "null":
            return None
    return draw(values)


def closed(schema: Any) -> Any:
    """Return a schema as it is read: an object that names properties has no others."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    read = {
        key: {name: closed(part) for name, part in below.items()}
        if key in ("properties", "$defs")
        else below
        if key in ("enum", "default")
        else closed(below)
        for key, below in schema.items()
    }
    if read.get("properties"):
        read.setdefault("additionalProperties", False)
    return read


def enforced(schema: JsonObject) -> bool:
    asked = Request(model="m", messages=ASKED.messages, output_schema=schema)
    assert isinstance(PROVIDER, Enforcing)
    return PROVIDER.enforces(asked)


@given(roots | schemas.filter(lambda s: isinstance(s, dict)), usual | schemas)
def test_what_is_enforced_can_be_sent(schema: JsonObject, part: Any) -> None:
    whole = schema | {"$defs": {"one": part, "two": part}}
    if enforced(whole):
        transform_schema(whole)


@settings(max_examples=300)
@given(st.data(), roots, usual, usual)
def test_what_is_enforced_shuts_out_nothing_it_allows(
    data: st.DataObject, schema: JsonObject, one: Any, two: Any
) -> None:
    whole = schema | {"$defs": {"one": one, "two": two}}
    if not enforced(whole):
        return

    value = data.draw(fitting(schema, whole["$defs"]))

    if Draft202012Validator(closed(whole)).is_valid(value):
        assert Draft202012Validator(transform_schema(whole)).is_valid(value)
