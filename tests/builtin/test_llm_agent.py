"""The ordinary agent: a model, its tools, and the loop between them."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from offering import Offering, flow

import zg_core as zg
from zg_core.testing import ScriptedProvider, call
from zg_plugins_builtin.agents import LLMAgent
from zg_plugins_builtin.agents.llm import GO_ON, SPEAK

pytestmark = pytest.mark.anyio
OPTIONS = zg.RunOptions(model="scripted:any")


@zg.tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@zg.tool
def forecast(city: str) -> str:
    """Tell the weather."""
    if city == "Köln":
        raise zg.Retry("use the English name")
    if city == "Atlantis":
        raise LookupError("no such city")
    return f"sunny in {city}"


@zg.tool
def forbidden() -> str:
    """Do what no agent here was given."""
    raise AssertionError("called all the same")


def stopped(text: str, reason: zg.StopReason, *wishes: zg.ToolCall) -> zg.Response:
    """Make an answer that stopped for a reason."""
    parts = (zg.Text(text=text), *wishes) if text else wishes
    message = zg.Message(role="assistant", parts=parts)
    return zg.Response(message=message, stop_reason=reason)


async def reply(model: ScriptedProvider, **options: Any) -> zg.Json:
    """Run one agent over a script, and return its reply."""
    agent = LLMAgent(
        name="agent",
        instructions="Be brief.",
        **{"tools": ("add", "forecast"), **options},
    )
    plugin = Offering(add, forecast, forbidden, agent=agent)
    async with zg.Engine.open(
        plugin, model, journal="memory", discover=False
    ) as engine:
        result = await engine.run(flow("agent"), "What is it?", options=OPTIONS)
    return result.output


def results(request: zg.Request) -> list[str]:
    """Return what the last tool message of a request says, result by result."""
    last = next(m for m in reversed(request.messages) if m.role == "tool")
    return [part.text for part in last.parts if isinstance(part, zg.ToolResult)]


async def test_the_models_text_is_the_reply() -> None:
    model = ScriptedProvider("It is a test.")

    assert await reply(model) == "It is a test."
    (request,) = model.requests
    assert [(m.role, m.text) for m in request.messages] == [
        ("system", "Be brief."),
        ("user", "What is it?"),
    ]
    assert [tool.name for tool in request.tools] == ["add", "forecast"]


async def test_a_tools_result_goes_back_to_the_model() -> None:
    model = ScriptedProvider(call("add", a=2, b=3), "Five.")

    assert await reply(model) == "Five."
    assert results(model.requests[1]) == ["5"]


async def test_several_tools_are_called_at_once_and_answered_in_order() -> None:
    arrived: list[str] = []
    both = anyio.Event()

    @zg.tool
    async def meet(name: str) -> str:
        """Wait for the other call."""
        arrived.append(name)
        if len(arrived) == 2:
            both.set()
        await both.wait()
        if name == "first":
            await anyio.sleep(0.01)  # and so it ends last
        return f"{name} met"

    wishes = (
        call("meet", call_id="1", name="first"),
        call("meet", call_id="2", name="second"),
    )
    model = ScriptedProvider(wishes, "Both met.")
    agent = LLMAgent(name="agent", instructions="Meet.", tools=("meet",))
    plugin = Offering(meet, agent=agent)

    async with zg.Engine.open(
        plugin, model, journal="memory", discover=False
    ) as engine:
        with anyio.fail_after(5):
            await engine.run(flow("agent"), "meet", options=OPTIONS)

    answered = model.requests[1].messages[-1].parts
    assert [(p.call_id, p.text) for p in answered if isinstance(p, zg.ToolResult)] == [
        ("1", "first met"),
        ("2", "second met"),
    ]


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        (call("forecast", city="Köln"), "use the English name"),
        (call("forecast", city="Atlantis"), "LookupError: no such city"),
        (call("add", a=2), "'b' is a required property"),
        (call("add", a="2", b=3), "a: '2' is not of type 'integer'"),
        (call("subtract", a=2), "no tool 'subtract'; the tools are: add, forecast"),
        (call("forbidden"), "no tool 'forbidden'; the tools are: add, forecast"),
        (zg.ToolCall(call_id="1", name="add", arguments={"": "{a:"}), "no JSON object"),
    ],
)
async def test_what_goes_wrong_with_a_call_is_told_to_the_model(
    wish: zg.ToolCall, told: str
) -> None:
    model = ScriptedProvider(wish, "Then not.")

    assert await reply(model) == "Then not."
    assert told in results(model.requests[1])[0]


async def test_a_call_cut_off_by_the_output_limit_is_told_why() -> None:
    wish = zg.ToolCall(call_id="1", name="add", arguments={"": '{"a": 12'})
    model = ScriptedProvider(stopped("", "max_tokens", wish), "Then less.")

    assert await reply(model) == "Then less."
    assert "write less in one call" in results(model.requests[1])[0]


async def test_a_model_that_calls_no_tools_is_offered_none() -> None:
    model = ScriptedProvider("Fine.", info=zg.ModelInfo(tools=False))

    assert await reply(model) == "Fine."
    assert model.requests[0].tools == ()


SCHEMA = {
    "type": "object",
    "required": ["sum"],
    "properties": {"sum": {"type": "integer"}},
}


async def test_a_schema_makes_the_reply_data_also_after_tools() -> None:
    model = ScriptedProvider(call("add", a=2, b=3), '{"sum": "5"}', '{"sum": 5}')

    assert await reply(model, output_schema=SCHEMA) == {"sum": 5}
    assert "sum: '5' is not of type 'integer'" in model.requests[2].messages[-1].text


async def test_an_answer_cut_at_the_output_limit_is_gone_on_with() -> None:
    model = ScriptedProvider(stopped("One, two, ", "max_tokens"), "three.")

    assert await reply(model) == "One, two, three."
    assert model.requests[1].messages[-1].text == GO_ON


async def test_an_empty_answer_is_asked_about_once() -> None:
    model = ScriptedProvider(call("add", a=2, b=3), "", "I added.")

    assert await reply(model) == "I added."
    assert model.requests[2].messages[-1].text == SPEAK
    with pytest.raises(zg.RunError, match="ended without an answer"):
        await reply(ScriptedProvider("", " "))


async def test_a_limit_reached_by_thinking_alone_is_an_error_with_a_remedy() -> None:
    model = ScriptedProvider(stopped("", "max_tokens"))

    with pytest.raises(zg.RunError, match="allow it more output tokens"):
        await reply(model)


async def test_a_refusal_ends_the_run_in_the_models_words() -> None:
    model = ScriptedProvider(stopped("I will not.", "refusal"))

    with pytest.raises(zg.RunError, match="refused: I will not"):
        await reply(model)


async def test_an_agent_that_comes_to_no_end_is_stopped() -> None:
    model = ScriptedProvider(call("add", a=1, b=1), repeat=True)

    with pytest.raises(zg.RunError) as caught:
        await reply(model, max_turns=3)

    assert caught.value.cause == "agent 'agent' came to no end in 3 turns"
    assert len(model.requests) == 3


@pytest.mark.parametrize(("info", "sent"), [(None, 9_000), (4_096, 4_096)])
async def test_a_model_is_never_allowed_more_than_it_can_write(
    info: int | None, sent: int
) -> None:
    model = ScriptedProvider("Ok.", info=zg.ModelInfo(max_output_tokens=info))

    await reply(model, max_output_tokens=9_000, temperature=0.5)

    assert model.requests[0].max_output_tokens == sent
    assert model.requests[0].temperature == 0.5


async def test_a_tool_of_another_plugins_name_is_called_by_its_qualified_name() -> None:
    model = ScriptedProvider(call("add", a=2, b=3), "Five.")

    async with zg.Engine.open(
        Offering(add, agent=LLMAgent(name="a", instructions="", tools=("add",))),
        model,
        journal="memory",
        discover=False,
    ) as engine:
        name = engine.host.find("tool", "add").qualified
    agent = LLMAgent(name="agent", instructions="", tools=(name,))
    model = ScriptedProvider(call("add", a=2, b=3), "Five.")
    async with zg.Engine.open(
        Offering(add, agent=agent), model, journal="memory", discover=False
    ) as engine:
        result = await engine.run(flow("agent"), "2 + 3", options=OPTIONS)

    assert result.output == "Five."
    assert results(model.requests[1]) == ["5"]


async def test_an_error_among_several_calls_is_raised_alone() -> None:
    spec = zg.ToolSpec(name="odd", factory=lambda: "not a tool")
    model = ScriptedProvider((call("odd"), call("odd", call_id="2")))
    agent = LLMAgent(name="agent", instructions="", tools=("odd",))

    async with zg.Engine.open(
        Offering(spec, agent=agent), model, journal="memory", discover=False
    ) as engine:
        with pytest.raises(zg.PluginError, match="could not be created"):
            await engine.run(flow("agent"), "x", options=OPTIONS)
