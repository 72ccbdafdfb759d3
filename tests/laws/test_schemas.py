"""Laws of schemas: whatever schema and value, judging them is bounded and exact."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import zg_core as zg
from zg_core._codec import as_json
from zg_core._validation import argument_errors
from zg_core.running.answers import parsed

names = st.sampled_from(["a", "b", "$ref", "x/y"])
numbers = st.integers(-3, 3) | st.sampled_from([0.5, -2.0])
values = st.recursive(
    st.none() | st.booleans() | numbers | st.sampled_from(["", "a", "ab" * 20]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4)
    ),
    max_leaves=12,
)
patterns = st.sampled_from(["^a", "(a+)+$", "(ab|a|b)*!", "^(a|aa)+$"])
leaves: st.SearchStrategy[Any] = st.one_of(
    st.booleans(),
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["object", "array", "integer", "string", "null"]),
            "minimum": numbers,
            "minLength": st.integers(0, 3),
            "maxItems": st.integers(0, 3),
            "uniqueItems": st.booleans(),
            "enum": st.lists(values, min_size=1, max_size=3),
            "required": st.lists(names, unique=True),
        },
    ),
    st.sampled_from(["#", "#/$defs/one", "#/$defs/two"]).map(lambda r: {"$ref": r}),
)


def larger(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(inner, min_size=1, max_size=3)
    return st.fixed_dictionaries(
        {},
        optional={
            "items": inner,
            "contains": inner,
            "prefixItems": several,
            "properties": st.dictionaries(names, inner, max_size=3),
            "additionalProperties": inner,
            "propertyNames": inner,
            "allOf": several,
            "anyOf": several,
            "oneOf": several,
            "not": inner,
            "if": inner,
            "then": inner,
            "unevaluatedProperties": inner,
        },
    )


schemas = st.recursive(leaves, larger, max_leaves=12)
whole = st.builds(
    lambda top, one, two: {"allOf": [top], "$defs": {"one": one, "two": two}},
    schemas,
    schemas,
    schemas,
)


@settings(max_examples=50)
@given(whole, values)
def test_a_schema_is_refused_or_judges_as_the_library_does(
    schema: dict[str, Any], value: Any
) -> None:
    try:
        errors = argument_errors(schema, value)
    except zg.PluginError:
        return  # it goes round in a circle

    assert (errors == []) is Draft202012Validator(schema).is_valid(value)


@settings(max_examples=60)
@given(
    st.dictionaries(patterns, leaves, min_size=1, max_size=3),
    st.dictionaries(st.text("ab!", max_size=2_000), values, max_size=3),
)
def test_patterns_that_python_never_ends_on_are_judged(
    schemas: dict[str, Any], value: dict[str, Any]
) -> None:
    schema = {
        "patternProperties": {
            pattern: {} if isinstance(below, dict) and "$ref" in below else below
            for pattern, below in schemas.items()
        },
        "additionalProperties": False,
        "propertyNames": {"pattern": next(iter(schemas))},
    }

    assert argument_errors(schema, value) == argument_errors(schema, value)


@settings(max_examples=150)
@given(st.text(st.sampled_from('{}[]",:\\ud8 01eE.-+`\na'), max_size=60))
def test_what_is_taken_from_an_answer_can_be_kept(text: str) -> None:
    try:
        data = parsed(text)
    except ValueError:
        return  # what it says is sent to the model

    assert as_json(data) == data
