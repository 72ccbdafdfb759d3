"""What a workflow gives a step's agent goes before what the agent has of its own."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from offering import Offering

import zg_core as zg
from zg_core.testing import ScriptedProvider, call
from zg_plugins_builtin.agents import LLMAgent
from zg_plugins_builtin.agents.architect import Architect
from zg_plugins_builtin.agents.engineer import FILES_SCHEMA, Engineer
from zg_plugins_builtin.tools.files import TOOLS

pytestmark = pytest.mark.anyio
OPTIONS = zg.RunOptions(model="scripted:any", out="out")
SCHEMA: zg.JsonObject = {
    "type": "object",
    "properties": {"title": {"type": "string"}},
    "required": ["title"],
}
ASSISTANT = LLMAgent(
    name="assistant", instructions="Help.", tools=("list_files", "read_file")
)


async def run(agent: Any, model: ScriptedProvider, **step: Any) -> zg.RunResult:
    work = zg.Workflow("w", (zg.Step("work", agent="work", **step),))
    async with zg.Engine.open(
        Offering(*TOOLS, work=agent), model, journal="memory", discover=False
    ) as engine:
        return await engine.run(work, "x", options=OPTIONS)


def offered(request: zg.Request) -> list[str]:
    return [tool.name for tool in request.tools]


@pytest.mark.parametrize(
    ("tools", "names"),
    [
        (None, ["list_files", "read_file"]),
        (("write_file",), ["write_file"]),
        ((), []),
    ],
)
async def test_the_tools_of_a_step_are_the_agents_instead_of_its_own(
    tools: tuple[str, ...] | None, names: list[str]
) -> None:
    model = ScriptedProvider("Done.")
    await run(ASSISTANT, model, tools=tools)

    assert offered(model.requests[0]) == names


async def test_what_the_model_wants_beside_them_is_refused() -> None:
    model = ScriptedProvider(
        (call("read_file", path="secret"), call("write_file", path="a", content="b")),
        "Done.",
    )
    await run(ASSISTANT, model, tools=("write_file",))

    refused, written = model.requests[1].messages[-1].parts
    assert refused.error == "there is no tool 'read_file'; the tools are: write_file"
    assert written.error is None
    assert Path("out", "a").read_text() == "b"


async def test_an_engineer_that_may_not_write_files_gives_them_in_its_answer() -> None:
    files = [{"path": "a.txt", "content": "a"}]
    model = ScriptedProvider(json.dumps({"files": files, "report": "Made it."}))
    result = await run(Engineer(), model, tools=("read_file",))

    (request,) = model.requests
    assert offered(request) == ["read_file"]
    assert request.output_schema == FILES_SCHEMA
    assert [a.path for a in result.artifacts] == ["a.txt", "implementation.md"]


async def test_an_output_schema_is_the_agents_own_from_the_first_call() -> None:
    model = ScriptedProvider('{"title": "x"}')
    result = await run(ASSISTANT, model, output_schema=SCHEMA)

    assert result.output == {"title": "x"}
    assert model.requests[0].output_schema == SCHEMA


async def test_it_goes_before_the_schema_that_the_agent_has() -> None:
    own = replace(ASSISTANT, output_schema={"type": "array"})
    model = ScriptedProvider('{"title": "x"}')

    result = await run(own, model, output_schema=SCHEMA)

    assert result.output == {"title": "x"}


async def test_an_agent_that_lives_by_its_own_schema_keeps_it_and_is_asked_after() -> (
    None
):
    plan = {"summary": "A", "components": [], "steps": [], "risks": []}
    model = ScriptedProvider(json.dumps({**plan, "acceptance": []}), '{"title": "A"}')

    result = await run(Architect(), model, output_schema=SCHEMA)

    assert result.output == {"title": "A"}
    own, asked = (request.output_schema for request in model.requests)
    assert (own != SCHEMA, asked) == (True, SCHEMA)
    assert "plan.md" in [a.path for a in result.artifacts]


# -- How long the answer may be --------------------------------------------------------


def cut(text: str, tokens: int = 0) -> zg.Response:
    """Make an answer that reached its length."""
    return zg.Response(
        message=zg.Message.assistant(text),
        stop_reason="max_tokens",
        usage=zg.Usage(output_tokens=tokens, calls=1),
    )


def bounds(model: ScriptedProvider) -> list[int | None]:
    return [request.max_output_tokens for request in model.requests]


async def test_an_answer_that_is_as_long_as_it_may_be_is_given_as_it_is() -> None:
    model = ScriptedProvider(cut("One, two", 5))
    result = await run(ASSISTANT, model, max_output_tokens=5)

    assert result.output == "One, two"
    assert bounds(model) == [5]


@pytest.mark.parametrize("told", [4, 0], ids=["counted", "not-counted"])
async def test_one_that_goes_on_has_what_is_left_of_it(told: int) -> None:
    short = replace(ASSISTANT, max_output_tokens=4)
    model = ScriptedProvider(cut("One, ", told), cut("two, ", told), cut("th", told))
    result = await run(short, model, max_output_tokens=10)

    assert result.output == "One, two, th"
    assert bounds(model) == [4, 4, 2]


async def test_the_last_of_it_may_be_nothing_but_not_all() -> None:
    short = replace(ASSISTANT, max_output_tokens=4)
    model = ScriptedProvider(cut("One, ", 4), cut(""))
    result = await run(short, model, max_output_tokens=6)
    silent = ScriptedProvider(cut("", 5))
    with pytest.raises(zg.RunError, match="before it said anything"):
        await run(ASSISTANT, silent, max_output_tokens=5)

    assert result.output == "One, "


async def test_each_call_of_a_tool_may_be_as_long_as_the_answer() -> None:
    model = ScriptedProvider(call("list_files"), cut("None", 5))
    result = await run(ASSISTANT, model, max_output_tokens=5)

    assert result.output == "None"
    assert bounds(model) == [5, 5]


async def test_a_models_own_length_is_gone_on_from() -> None:
    info = zg.ModelInfo(max_output_tokens=4)
    model = ScriptedProvider(cut("One, ", 4), "two.", info=info)
    result = await run(ASSISTANT, model, max_output_tokens=10)

    assert result.output == "One, two."
    assert bounds(model) == [4, 4]


async def test_json_that_the_workflow_wants_is_bounded_and_an_agents_own_is_not() -> (
    None
):
    asked = ScriptedProvider('{"title": "x"}')
    await run(ASSISTANT, asked, output_schema=SCHEMA, max_output_tokens=5)
    plan = {"summary": "A", "components": [], "steps": [], "risks": []}
    own = ScriptedProvider(json.dumps({**plan, "acceptance": []}))
    await run(Architect(), own, max_output_tokens=5)

    assert bounds(asked) == [5]
    assert bounds(own) == [16_000]
