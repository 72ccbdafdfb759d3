"""Schemas of strangers: which are refused, and that none costs more than it may."""

from __future__ import annotations

import json
from typing import Any

import pytest
from offering import Offering, flow

import zg_core as zg
from zg_core._schema_limits import checked_text
from zg_core._validation import argument_errors
from zg_core.testing import ScriptedProvider

# Each takes Python's own engine longer than anybody lives, for the text beside it.
CATASTROPHES = [
    (r"^(a+)+$", "a" * 5_000 + "!"),
    (r"^(a|a)*$", "a" * 5_000 + "!"),
    (r"^(a|aa)+$", "a" * 5_000 + "!"),
    (r"^([a-zA-Z0-9])(([\-.]|[_]+)?([a-zA-Z0-9]+))*(@){1}x$", "a" * 5_000),
    (r"^(([a-z])+.)+[A-Z]([a-z])+$", "a" * 5_000),
]


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(levels):
        schema = {"properties": {"a": schema}}
    return schema


def tripling(levels: int, last: Any) -> dict[str, Any]:
    """Return a small schema that is applied 3 ** *levels* times."""
    parts: dict[str, Any] = {str(levels): last}
    for level in range(levels):
        ref = {"$ref": f"#/$defs/{level + 1}"}
        parts[str(level)] = {"allOf": [ref, ref, ref]}
    return {"$ref": "#/$defs/0", "$defs": parts}


@pytest.mark.parametrize(
    ("schema", "cause"),
    [
        ({"$ref": "https://example.com/x.json"}, r"at #: \$ref 'https:.* elsewhere"),
        ({"items": {"$ref": "other.json#/a"}}, r"at #/items: \$ref 'other"),
        ({"$ref": "file:///etc/passwd"}, "leads elsewhere"),
        ({"$ref": "#name"}, "leads elsewhere"),
        ({"$ref": "#/$defs/gone"}, "names no part of the schema"),
        ({"$ref": "#/enum/0", "enum": [{}]}, "names no part of the schema"),
        ({"$dynamicRef": "#x"}, r"\$dynamicRef is not followed"),
        ({"properties": {"a/b": {"$id": "http://x/"}}}, r"at #/properties/a~1b: \$id"),
        ({"$anchor": "x"}, r"\$anchor is not followed"),
        ({"$ref": "#"}, "leads back to itself"),
        ({"allOf": [{"$ref": "#"}]}, "leads back to itself"),
        (
            {
                "$defs": {
                    "a": {"$ref": "#/$defs/b"},
                    "b": {"not": {"$ref": "#/$defs/a"}},
                }
            },
            "leads back to itself",
        ),
        (nested(33), "nested deeper than 64 levels"),
        (tripling(40, {}), "more than 32 schemas apply"),
        ({"anyOf": [{} for _ in range(1_001)]}, "more than 1,000 subschemas"),
        ({"enum": ["x" * 100] * 1_000}, "65,536 is most"),
        ({"pattern": "(?=a)b"}, r"pattern '\(\?=a\)b' cannot be matched"),
        ({"pattern": r"(a)\1"}, "cannot be matched"),
        ({"pattern": "((a{900}){900}){900}"}, "cannot be matched"),
        ({"patternProperties": {"(?!a)": {}}}, "cannot be matched"),
        ({"multipleOf": float("inf")}, "holds what is no JSON"),
        (
            {"unevaluatedProperties": False, "patternProperties": {"a": {}}},
            "is not supported",
        ),
    ],
)
def test_a_hostile_schema_is_refused_with_its_place(schema: Any, cause: str) -> None:
    with pytest.raises(zg.PluginError, match=cause) as refused:
        argument_errors(schema, {})

    assert len(refused.value.cause) < 400
    assert refused.value.remedy


def test_a_schema_that_is_no_tree_is_no_json() -> None:
    loop: dict[str, Any] = {}
    loop["items"] = loop

    with pytest.raises(zg.PluginError, match="no JSON"):
        checked_text(loop)


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"next": {"$ref": "#"}}},
        {"$id": "https://example.com/list", "items": {"$ref": "#"}},
        {"not": {"enum": [{"$ref": "http://a value, no schema"}]}},
        {"properties": {"$ref": {"type": "string"}}},
        {"$defs": {"a/b": {"type": "null"}}, "items": {"$ref": "#/$defs/a~1b"}},
        nested(32),
        True,
    ],
)
def test_what_refers_to_itself_and_comes_to_an_end_is_welcome(schema: Any) -> None:
    assert argument_errors({"allOf": [schema]} if schema is True else schema, {}) == []


@pytest.mark.parametrize(("pattern", "text"), CATASTROPHES)
def test_a_pattern_takes_no_longer_than_its_text(pattern: str, text: str) -> None:
    assert argument_errors({"pattern": pattern}, text)
    assert argument_errors(
        {"patternProperties": {pattern: False}, "additionalProperties": False},
        {text: 1},
    )


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        (r"^\u0041$", "A", True),
        (r"^\\u0041$", "\\u0041", True),
        ("b", "abc", True),
        ("^b", "abc", False),
        ("a$", "a\n", False),
        (r"^\p{Lu}$", "Ä", True),
        ("^.$", "\ud800", True),  # half a pair is judged as a question mark
    ],
)
def test_patterns_mean_what_json_schema_says(
    pattern: str, text: str, fits: bool
) -> None:
    assert (argument_errors({"pattern": pattern}, text) == []) is fits


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (tripling(14, {"type": "null"}), None),
        (
            {
                "$defs": {
                    "a": {
                        "anyOf": [
                            {"properties": {"x": {"$ref": "#/$defs/a"}, "y": {}}},
                            {"properties": {"x": {"$ref": "#/$defs/a"}, "z": {}}},
                        ],
                        "required": ["x"],
                    }
                },
                "$ref": "#/$defs/a",
            },
            json.loads('{"x":' * 30 + "{}" + "}" * 30),
        ),
        ({"items": {"enum": [[i] for i in range(5_000)]}}, [[4_999]] * 5_000),
        ({"items": {"anyOf": [{"type": "null"}] * 900}}, [["x"] * 900] * 900),
        (
            {"patternProperties": {f"^{i}": {} for i in range(900)}},
            {str(i): 1 for i in range(9_000)},
        ),
    ],
)
def test_what_would_take_too_much_work_does_not_fit(schema: Any, value: Any) -> None:
    assert argument_errors(schema, value) == [
        "it is too large to be checked; make it smaller"
    ]


@pytest.mark.parametrize(
    ("schema", "value", "fits"),
    [
        ({"multipleOf": 0.1}, 0.3, True),
        ({"multipleOf": 1e-308}, 1e308, True),
        ({"multipleOf": 1e308}, 1.5, False),
        ({"multipleOf": 0.5}, 10**400, True),
        ({"multipleOf": 3}, 10**400, False),
        ({"multipleOf": 2}, True, True),
        ({"multipleOf": 2}, float("inf"), False),
        ({"multipleOf": 2}, float("nan"), False),
        ({"maximum": 1.5}, 10**400, False),
        ({"minItems": 10**9}, [], False),
        ({"format": "regex"}, "(", True),
        ({"uniqueItems": True}, [1, True, "1", [1], {"a": 1}, [True], None], True),
        ({"uniqueItems": True}, [{"a": [1, 2]}, {"a": [1, 2.0]}], False),
        ({"uniqueItems": False}, [1, 1], True),
        ({"uniqueItems": True}, [{"a": i} for i in range(5_000)], True),
        ({"patternProperties": {"^a": {"type": "null"}}}, {"a": 1, "b": 1}, False),
        (
            {
                "properties": {"x": {}},
                "patternProperties": {"^a": {}},
                "additionalProperties": {"type": "null"},
            },
            {"x": 1, "a": 1, "b": None},
            True,
        ),
    ],
)
def test_what_libraries_stumble_over_is_judged(
    schema: Any, value: Any, fits: bool
) -> None:
    assert (argument_errors(schema, value) == []) is fits


def test_a_value_nested_without_end_does_not_fit() -> None:
    value: Any = 1
    for _ in range(5_000):
        value = [value]

    assert argument_errors({"items": {"$ref": "#"}}, value) == [
        "it is nested too deep; make it flatter"
    ]


def test_a_number_too_long_to_be_written_does_not_fit() -> None:
    (error,) = argument_errors({"type": "string"}, 10**5_000)

    assert error.startswith("it cannot be checked")


@pytest.mark.anyio
async def test_parameters_of_tools_are_looked_at_before_they_are_sent() -> None:
    hostile = zg.ToolSpec(
        name="hostile",
        description="Looks harmless.",
        parameters={"type": "object", "$ref": "http://127.0.0.1:9/"},
        factory=lambda: None,
    )
    model = ScriptedProvider("x")

    async def agent(ctx: zg.Context) -> zg.Reply:
        await ctx.complete([zg.Message.user("x")], tools=["hostile"])
        return zg.Reply(output=None)

    async with zg.Engine.open(
        Offering(hostile, a=agent), model, journal="memory", discover=False
    ) as engine:
        with pytest.raises(zg.PluginError, match="leads elsewhere"):
            await engine.run(
                flow("a"), "x", options=zg.RunOptions(model="scripted:any")
            )

    assert not model.requests
