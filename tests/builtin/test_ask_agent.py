"""The tool by which a model asks another agent."""

from __future__ import annotations

import pytest
from offering import Offering, flow, say

import zg_core as zg
from zg_core.testing import ScriptedProvider, call
from zg_plugins_builtin import plugin
from zg_plugins_builtin.agents import LLMAgent
from zg_plugins_builtin.tools.agents import ask_agent

pytestmark = pytest.mark.anyio


def boss() -> LLMAgent:
    return LLMAgent(name="boss", instructions="Ask others.", tools=("ask_agent",))


async def told(agents: Offering, *wishes: tuple[zg.ToolCall, ...]) -> list[str]:
    """Have a model call the tool, and return what each call told it."""
    model = ScriptedProvider(*wishes, "done")
    async with zg.Engine.open(
        agents, model, journal=zg.MemoryJournal(), discover=False
    ) as engine:
        options = zg.RunOptions(model="scripted:any")
        await engine.run(flow("boss"), "build it", options=options)
    return [
        part.text
        for message in model.requests[-1].messages
        for part in message.parts
        if isinstance(part, zg.ToolResult)
    ]


async def test_a_model_has_another_agent_do_a_part_and_reads_its_reply() -> None:
    async def critic(ctx: zg.Context) -> zg.Reply:
        path = await ctx.write_artifact("critique.md", "good")
        return zg.Reply(output=f"{ctx.prompt}: good", artifacts=(path,))

    (answer,) = await told(
        Offering(ask_agent, boss=boss(), critic=critic),
        call("ask_agent", agent="critic", prompt="the plan"),
    )

    assert answer == '{"reply": "the plan: good", "files": ["critique.md"]}'


async def test_a_model_that_names_nobody_is_told_who_there_is() -> None:
    (answer,) = await told(
        Offering(ask_agent, boss=boss(), critic=say("good")),
        call("ask_agent", agent="critik", prompt="the plan"),
    )

    assert (
        answer == "there is no agent named 'critik'; there are:\n- boss: \n- critic: "
    )


async def test_a_model_that_would_ask_for_ever_is_told_how_deep_is_too_deep() -> None:
    deepest: list[zg.ToolResult] = []

    async def boss(ctx: zg.Context) -> zg.Reply:
        arguments = {"agent": "boss", "prompt": f"{ctx.prompt}!"}
        result = await ctx.call_tool("ask_agent", arguments)
        deepest.append(result)
        return zg.Reply(output=ctx.step)

    async with zg.Engine.open(
        Offering(ask_agent, boss=boss), journal=zg.MemoryJournal(), discover=False
    ) as engine:
        await engine.run(flow("boss"), "x")

    assert len(deepest) == 6
    assert deepest[0].error
    assert "agents ask one another 5 deep at most" in deepest[0].error
    assert not any(result.error for result in deepest[1:])


def test_it_is_there_for_all_and_no_default_agent_has_it() -> None:
    assert ask_agent in plugin.zg_register_tools()
    assert all("ask_agent" not in spec.tools for spec in plugin.zg_register_agents())
