"""Answers that fit: what is asked of which model, and what becomes of the answer.

One file, since every way of asking is held to the same schema.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest
from offering import Offering, flow
from pydantic import BaseModel, Field, field_validator

import zg_core as zg
from zg_core.running.answers import parsed
from zg_core.testing import ScriptedProvider, call

pytestmark = pytest.mark.anyio

NATIVE = zg.ModelInfo()
BY_TOOL = zg.ModelInfo(output_schema=False)
BY_WORDS = zg.ModelInfo(output_schema=False, tools=False)
COUNT = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "required": ["n"],
    "additionalProperties": False,
}
LIST = {"type": "array", "items": {"$ref": "#/$defs/n"}, "$defs": {"n": COUNT}}


class Step(BaseModel):
    title: str = Field(max_length=10)

    @field_validator("title")
    @classmethod
    def not_shouted(cls, title: str) -> str:
        if title.isupper():
            raise ValueError("do not shout")
        return title


class Plan(BaseModel):
    """What is to be done."""

    steps: list[Step]


class Tree(BaseModel):
    name: str
    parts: list[Tree] = []


@dataclass
class Point:
    x: int
    y: int


async def asked(
    *models: ScriptedProvider | Offering, wanted: Any = COUNT, **more: Any
) -> zg.Response:
    """Return what an agent gets when it asks for output of a shape."""
    found: list[zg.Response] = []

    async def agent(ctx: zg.Context) -> zg.Reply:
        question = [zg.Message.user("count")]
        answer = await ctx.complete(question, output_schema=wanted, **more)
        found.append(answer)
        return zg.Reply(output=answer.data)

    async with zg.Engine.open(
        Offering(look, a=agent), *models, journal="memory", discover=False
    ) as engine:
        options = zg.RunOptions(model="scripted:any")
        await engine.run(flow("a"), "x", options=options)
    return found[0]


@zg.tool
def look(place: str) -> str:
    """Look somewhere."""
    return f"nothing in {place}"


# -- Three ways to hold a model to a schema ------------------------------------------


async def test_a_server_that_can_be_held_to_a_schema_is_given_it() -> None:
    model = ScriptedProvider('{"n": 1}', info=NATIVE)

    assert (await asked(model)).data == {"n": 1}
    assert model.requests[0].output_schema == COUNT
    assert not model.requests[0].tools


@pytest.mark.parametrize(
    ("tools", "by_server"), [((), True), (("look",), False)], ids=["alone", "tools"]
)
async def test_a_provider_may_say_which_requests_its_server_holds_to_a_schema(
    tools: tuple[str, ...], by_server: bool
) -> None:
    class NoneBesideTools(ScriptedProvider):
        def enforces(self, request: zg.Request) -> bool:
            assert request.model == "any"
            return not request.tools

    said = '{"n": 1}' if by_server else call("answer", n=1)
    model = NoneBesideTools(said, info=NATIVE)

    assert (await asked(model, tools=tools)).data == {"n": 1}
    assert (model.requests[0].output_schema == COUNT) is by_server


async def test_a_model_that_calls_tools_answers_by_calling_one() -> None:
    model = ScriptedProvider(call("answer", n=1), info=BY_TOOL)

    answer = await asked(model)

    (request,) = model.requests
    assert request.output_schema is None
    assert [(t.name, t.parameters) for t in request.tools] == [("answer", COUNT)]
    assert "calling the tool answer" in request.messages[0].text
    assert answer.data == {"n": 1}
    assert answer.stop_reason == "end"
    assert not answer.message.tool_calls
    assert json.loads(answer.text) == {"n": 1}


async def test_what_is_no_object_is_wrapped_into_one_for_the_tool() -> None:
    model = ScriptedProvider(call("answer", value=[{"n": 1}]), info=BY_TOOL)

    assert (await asked(model, wanted={**LIST, "$id": "x:list"})).data == [{"n": 1}]
    parameters = model.requests[0].tools[0].parameters
    assert parameters["required"] == ["value"]
    inner = parameters["properties"]["value"]
    assert inner["items"] == {"$ref": "#/properties/value/$defs/n"}
    assert "$id" not in inner


@pytest.mark.parametrize("key", ["allOf", "anyOf", "oneOf"])
async def test_an_object_of_choices_is_wrapped_into_a_plain_one(key: str) -> None:
    either = COUNT | {key: [{"required": ["n"]}]}
    model = ScriptedProvider(call("answer", value={"n": 1}), info=BY_TOOL)

    assert (await asked(model, wanted=either)).data == {"n": 1}
    parameters = model.requests[0].tools[0].parameters
    assert parameters["properties"] == {"value": either}
    assert key not in parameters


async def test_other_tools_come_before_an_answer_that_was_given_too_soon() -> None:
    both = (call("answer", n=1), call("look", place="here"))
    answer = await asked(ScriptedProvider(both, info=BY_TOOL), tools=["look"])

    assert [wish.name for wish in answer.message.tool_calls] == ["offering:look"]
    assert answer.data is None


async def test_a_model_may_want_other_tools_before_it_answers() -> None:
    look_first = call("look", place="here")
    answer = await asked(ScriptedProvider(look_first, info=BY_TOOL), tools=["look"])

    assert [wish.name for wish in answer.message.tool_calls] == ["offering:look"]


async def test_a_tool_that_is_called_answer_already_keeps_its_name() -> None:
    @zg.tool(name="answer")
    def other() -> str:
        """Do something else."""
        return ""

    model = ScriptedProvider(call("answer_", n=2), info=BY_TOOL)

    assert (await asked(model, Offering(other, called="p"), tools=["answer"])).data == {
        "n": 2
    }


async def test_a_model_that_answers_in_words_instead_of_the_tool_is_read_too() -> None:
    assert (await asked(ScriptedProvider('{"n": 3}', info=BY_TOOL))).data == {"n": 3}


async def test_arguments_that_are_no_json_are_asked_for_again() -> None:
    broken = call("answer", **{"": '{"n": '})
    model = ScriptedProvider(broken, call("answer", n=1), info=BY_TOOL)

    assert (await asked(model)).data == {"n": 1}
    assert "it is no JSON" in model.requests[1].messages[-1].text


async def test_each_model_of_a_chain_is_asked_in_its_own_way() -> None:
    class Two(ScriptedProvider):
        def info(self, model: str) -> zg.ModelInfo:
            return NATIVE if model == "one" else BY_WORDS

    model = Two(zg.ProviderAuthError("no key", ""), '{"n": 1}')

    async def agent(ctx: zg.Context) -> zg.Reply:
        answer = await ctx.complete([zg.Message.user("count")], output_schema=COUNT)
        return zg.Reply(output=answer.data)

    async with zg.Engine.open(
        Offering(a=agent), model, journal="memory", discover=False
    ) as engine:
        options = zg.RunOptions(model="scripted:one, scripted:two")
        result = await engine.run(flow("a"), "x", options=options)

    assert result.output == {"n": 1}
    assert [r.output_schema for r in model.requests] == [COUNT, None]


async def test_an_answer_by_tool_streams_like_any_other() -> None:
    model = ScriptedProvider(call("answer", n=1), info=BY_TOOL)

    async def agent(ctx: zg.Context) -> zg.Reply:
        answer = await ctx.complete([zg.Message.user("x")], output_schema=COUNT)
        return zg.Reply(output=answer.data)

    async with zg.Engine.open(
        Offering(a=agent), model, journal="memory", discover=False
    ) as engine:
        options = zg.RunOptions(model="scripted:any", limits=zg.Limits(tokens=100_000))
        events = [
            e async for e in engine.stream(flow("a"), "x", options=options, deltas=True)
        ]

    (answered,) = [e for e in events if isinstance(e, zg.ModelAnswered)]
    assert answered.response.text == '{"n": 1}'  # whatever the strategy


@pytest.mark.parametrize("info", [NATIVE, BY_TOOL, BY_WORDS])
async def test_a_call_has_the_same_key_whatever_the_strategy(
    info: zg.ModelInfo,
) -> None:
    async def agent(ctx: zg.Context) -> zg.Reply:
        answer = await ctx.complete([zg.Message.user("x")], output_schema=Plan)
        return zg.Reply(output=answer.data)

    keys = set()
    for wanted in (info, NATIVE):
        async with zg.Engine.open(
            Offering(a=agent),
            ScriptedProvider('{"steps": []}', info=wanted),
            journal="memory",
            discover=False,
        ) as engine:
            options = zg.RunOptions(model="scripted:any")
            events = [e async for e in engine.stream(flow("a"), "x", options=options)]
        keys |= {e.call_key for e in events if isinstance(e, zg.ModelAnswered)}

    assert len(keys) == 1


# -- Types -----------------------------------------------------------------------------


async def test_a_pydantic_model_is_as_good_as_a_schema() -> None:
    answer = await asked(ScriptedProvider('{"steps": [{"title": "dig"}]}'), wanted=Plan)

    assert answer.data == {"steps": [{"title": "dig"}]}
    assert Plan.model_validate(answer.data).steps[0].title == "dig"


async def test_a_models_own_validators_are_heard_with_the_place() -> None:
    model = ScriptedProvider('{"steps": [{"title": "DIG"}]}', '{"steps": []}')

    assert (await asked(model, wanted=Plan)).data == {"steps": []}
    told = model.requests[1].messages[-1].text
    assert "steps[0].title: Value error, do not shout" in told


@pytest.mark.parametrize(
    ("wanted", "text", "data"),
    [
        (Point, '{"x": 1, "y": 2}', {"x": 1, "y": 2}),
        (list[int], "[1, 2]", [1, 2]),
        (Tree, '{"name": "a", "parts": [{"name": "b"}]}', None),
    ],
)
@pytest.mark.parametrize("info", [NATIVE, BY_WORDS])
async def test_any_type_that_pydantic_knows_will_do(
    wanted: Any, text: str, data: Any, info: zg.ModelInfo
) -> None:
    answer = await asked(ScriptedProvider(text, info=info), wanted=wanted)

    assert answer.data == (data or json.loads(text))


async def test_a_type_without_a_schema_is_the_plugins_fault() -> None:
    class Odd:
        pass

    with pytest.raises(zg.PluginError, match="Odd has no JSON Schema"):
        await asked(ScriptedProvider("{}"), wanted=Odd)


# -- Asking again ---------------------------------------------------------------------


@pytest.mark.parametrize("info", [NATIVE, BY_TOOL, BY_WORDS])
async def test_a_cut_answer_is_asked_for_again_with_that_reason(
    info: zg.ModelInfo,
) -> None:
    cut = zg.Response(message=zg.Message.assistant('{"n": '), stop_reason="max_tokens")
    model = ScriptedProvider(cut, repeat=True, info=info)

    with pytest.raises(zg.OutputError, match="output limit cut the answer off") as no:
        await asked(model)

    assert len(model.requests) == 3
    assert "output limit cut" in model.requests[1].messages[-1].text
    assert "it is no JSON" in no.value.details["errors"][1]


async def test_an_answer_that_fits_is_taken_even_if_the_limit_was_reached() -> None:
    full = zg.Response(
        message=zg.Message.assistant('{"n":1}'), stop_reason="max_tokens"
    )

    assert (await asked(ScriptedProvider(full))).data == {"n": 1}


async def test_a_refusal_is_not_asked_again() -> None:
    no = zg.Response(message=zg.Message.assistant("I will not"), stop_reason="refusal")
    model = ScriptedProvider(no)

    answer = await asked(model)

    assert answer.stop_reason == "refusal"
    assert answer.data is None
    assert len(model.requests) == 1


async def test_each_round_counts_against_the_budget() -> None:
    model = ScriptedProvider("{}", repeat=True)

    async def agent(ctx: zg.Context) -> zg.Reply:
        await ctx.complete([zg.Message.user("x")], output_schema=COUNT)
        return zg.Reply(output=None)

    async with zg.Engine.open(
        Offering(a=agent), model, journal="memory", discover=False
    ) as engine:
        options = zg.RunOptions(model="scripted:any", limits=zg.Limits(calls=2))
        with pytest.raises(zg.LimitError):
            await engine.run(flow("a"), "x", options=options)

    assert len(model.requests) == 2


async def test_a_schema_that_may_not_be_used_is_refused_before_anything_is_sent() -> (
    None
):
    model = ScriptedProvider("{}")

    with pytest.raises(zg.PluginError, match="leads elsewhere"):
        await asked(model, wanted={"$ref": "http://127.0.0.1:9/schema.json"})

    assert not model.requests


# -- What is taken for JSON ------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        '{"a": [1, {"b": "}"}]}',
        '```json\n{"a": [1, {"b": "}"}]}\n```',
        'Here it is:\n```\n{"a": [1, {"b": "}"}]}\n```\nAnything else?',
        'Gladly! {"a": [1, {"b": "}"}]} There you are {so to say}.',
        'A set {x} and {"a": [1, {"b": "}"}]}',
    ],
)
def test_words_around_one_json_value_do_no_harm(text: str) -> None:
    assert parsed(text) == {"a": [1, {"b": "}"}]}


@pytest.mark.parametrize("text", ["3", "[1]", "null", ' "x" '])
def test_any_json_value_may_be_an_answer(text: str) -> None:
    assert parsed(text) == json.loads(text)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "it is no JSON: Expecting value"),
        ("no", "it is no JSON"),
        ('{"a": 1,}', "it is no JSON"),
        ('{"a": 1} {"a": 2}', "several JSON values"),
        ('```\n{"a": 1}\n```\nor\n```\n{"a": 2}\n```', "several JSON values"),
        ('{"a": NaN}', "NaN is no JSON number"),
        ("[-Infinity]", "-Infinity is no JSON number"),
        ("1e999", "the number 1e999 is too large"),
        ("9" * 5_000, "a number has 5,000 digits"),
        ('{"a": 1, "b": 2, "a": 3}', "the key 'a' twice"),
        ('"\\ud800"', "half a surrogate pair"),
        ("[" * 1_000_000, "nested too deep"),
        ('{"a":' * 100_000, "nested too deep"),
        ("x " + '{"a":' * 100_000, "nested too deep"),
        ("[" * 150 + "]" * 150, "nested deeper than 100 levels"),
        ("[" * 10_000_000, "10,000,000 characters"),
        ("x" + "{" * 1_000_000, "it is no JSON"),
    ],
    ids=range(17),
)
def test_what_cannot_be_kept_as_json_is_said(text: str, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        parsed(text)


# -- What it costs where there is no schema --------------------------------------------


def test_without_a_schema_neither_jsonschema_nor_re2_is_imported() -> None:
    code = """
import sys
import zg_core as zg
from zg_core.testing import ScriptedProvider

class Plain:
    @zg.hookimpl
    def zg_register_agents(self):
        return [zg.AgentSpec(name="a", factory=Agent)]

class Agent:
    async def run(self, ctx):
        return zg.Reply(output=(await ctx.complete([zg.Message.user("x")])).text)

zg.run_sync(zg.Workflow("w", (zg.Step("a", agent="a"),)), "x", Plain(),
    ScriptedProvider("y"), options=zg.RunOptions(model="scripted:any"))
print(sorted({"jsonschema", "re2", "referencing"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"
