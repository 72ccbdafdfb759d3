"""An agent's loop: six model calls, with a tool called after each but the last."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from _calls import OBJECTIVE, Call, engine
from _measure import Benchmark, Lap

import zg_core as zg

ROUNDS = 5
INSTRUCTIONS = "Look things up before you answer. Be brief about it. " * 8
TOOL = {
    "type": "function",
    "function": {
        "name": "look_up",
        "description": "Look a word up.",
        "parameters": {
            "type": "object",
            "properties": {
                "word": {"type": "string", "description": "The word."},
                "most": {"type": "integer", "description": "How many meanings."},
            },
            "required": ["word", "most"],
            "additionalProperties": False,
        },
    },
}


def meaning(word: str, most: int) -> str:
    return f"{word} has {most} meanings. " * 10


@zg.tool
def look_up(word: str, most: int) -> str:
    """Look a word up.

    Args:
        word: The word.
        most: How many meanings.
    """
    return meaning(word, most)


def begin() -> list[object]:
    return [
        {"role": "system", "content": INSTRUCTIONS},
        {"role": "user", "content": OBJECTIVE},
    ]


@asynccontextmanager
async def bare_http(url: str) -> AsyncIterator[Call]:
    """The floor: the loop by hand, over aiohttp and orjson."""
    import aiohttp
    import orjson

    async with aiohttp.ClientSession() as session:

        async def loop() -> str:
            said = begin()
            while True:
                body = {"model": "m", "messages": said, "tools": [TOOL]}
                async with session.post(
                    f"{url}/v1/chat/completions",
                    data=orjson.dumps(body),
                    headers={"Content-Type": "application/json"},
                ) as answer:
                    document = orjson.loads(await answer.read())
                message = document["choices"][0]["message"]
                if not message.get("tool_calls"):
                    return str(message["content"])
                said.append(message)
                for call in message["tool_calls"]:
                    given = orjson.loads(call["function"]["arguments"])
                    said.append(result(call["id"], meaning(**given)))

        yield loop


@asynccontextmanager
async def openai_package(url: str) -> AsyncIterator[Call]:
    """The loop by hand, as the documentation of OpenAI's package says."""
    from openai import AsyncOpenAI

    async with AsyncOpenAI(api_key="k", base_url=f"{url}/v1") as client:

        async def loop() -> str | None:
            said = begin()
            while True:
                completion = await client.chat.completions.create(
                    model="m", messages=said, tools=[TOOL]
                )
                message = completion.choices[0].message
                if not message.tool_calls:
                    return message.content
                said.append(message)
                for call in message.tool_calls:
                    given = json.loads(call.function.arguments)
                    said.append(result(call.id, meaning(**given)))

        yield loop


def result(call_id: str, output: str) -> object:
    return {"role": "tool", "tool_call_id": call_id, "content": output}


def by_hand(
    opened: Callable[[str], AbstractAsyncContextManager[Call]],
) -> Callable[[Lap], Awaitable[None]]:
    async def measure(lap: Lap) -> None:
        async with opened(lap.url) as loop:
            for _ in range(5):
                await loop()
            with lap.timed():
                for _ in range(lap.count):
                    assert await loop()

    return measure


class Agents:
    """A plugin of one agent, with one tool."""

    @zg.hookimpl
    def zg_register_agents(self) -> list[zg.AgentSpec]:
        return [zg.AgentSpec(name="looking", factory=_looking)]

    @zg.hookimpl
    def zg_register_tools(self) -> list[zg.ToolSpec]:
        return [look_up]


def _looking() -> zg.Agent:
    from zg_plugins_builtin.agents import LLMAgent

    return LLMAgent(name="looking", instructions=INSTRUCTIONS, tools=("look_up",))


def runs(*, journal: str) -> Callable[[Lap], Awaitable[None]]:
    async def measure(lap: Lap) -> None:
        workflow = zg.Workflow("look", (zg.Step("look", agent="looking"),))
        async with engine(lap.url, journal, Agents()) as opened:

            async def run() -> None:
                result = await opened.run(workflow, OBJECTIVE)
                assert result.usage.calls == ROUNDS + 1, result

            for _ in range(5):
                await run()
            with lap.timed():
                for _ in range(lap.count):
                    await run()

    return measure


BENCHMARK = Benchmark(
    name="a tool loop of six calls",
    file=__file__,
    unit="ms a loop",
    count=40,
    server=("--tool-rounds", str(ROUNDS)),
    variants={
        "by hand over bare aiohttp": by_hand(bare_http),
        "by hand over the openai package": by_hand(openai_package),
        "our agent": runs(journal="memory"),
        "our agent, durable": runs(journal="sqlite"),
    },
)

if __name__ == "__main__":
    BENCHMARK.main()
