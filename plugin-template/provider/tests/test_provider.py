"""The provider answers, whole and in pieces, and an agent can use it."""

from __future__ import annotations

import anyio
import zg_core as zg
from zg_plugins_builtin.agents import LLMAgent

import zg_example.plugin
from zg_example.providers import ExampleProvider

ASKED = zg.Request(model="reverse", messages=(zg.Message.user("one two three"),))


class Asking:
    """A plugin whose agent asks the model."""

    @zg.hookimpl
    def zg_register_agents(self) -> list[zg.AgentSpec]:
        agent = LLMAgent(name="asking", instructions="Answer.")
        return [zg.AgentSpec(name="asking", factory=lambda: agent)]


def test_the_words_are_turned_round() -> None:
    response = anyio.run(ExampleProvider().complete, ASKED)

    assert response.text == "three two one"
    assert response.usage == zg.Usage(input_tokens=3, output_tokens=3, calls=1)


def test_the_pieces_are_the_whole() -> None:
    async def pieces() -> list[zg.Chunk]:
        return [chunk async for chunk in ExampleProvider().stream(ASKED)]

    *texts, last = anyio.run(pieces)

    assert last.response is not None
    assert "".join(chunk.text for chunk in texts) == last.response.text


def test_an_agent_can_ask_it() -> None:
    work = zg.Workflow("work", (zg.Step("ask", agent="asking"),))
    options = zg.RunOptions(model="example")

    async def run() -> zg.RunResult:
        async with zg.Engine.open(
            zg_example.plugin, Asking(), journal="memory", discover=False
        ) as engine:
            return await engine.run(work, "one two three", options=options)

    assert anyio.run(run).output == "three two one"
