"""What is measured: calls by bare HTTP, by a vendor's package, and by us."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

from _measure import Lap

import zg_core as zg

__all__ = [
    "OBJECTIVE",
    "Call",
    "PlainAgents",
    "anthropic_package",
    "anthropic_provider",
    "bare_http",
    "engine",
    "openai_package",
    "openai_provider",
    "parallel_workflow",
    "plain_workflow",
    "request",
    "runs",
    "settings",
]

OBJECTIVE = "Build a booking site for a yoga studio"
INSTRUCTIONS = "You are one of four. Do your part, and be brief about it. " * 8
Call: TypeAlias = Callable[[], Awaitable[Any]]

_MESSAGES = [
    {"role": "system", "content": INSTRUCTIONS},
    {"role": "user", "content": OBJECTIVE},
]


def request() -> zg.Request:
    """Make the request that all of them send."""
    messages = (zg.Message.system(INSTRUCTIONS), zg.Message.user(OBJECTIVE))
    return zg.Request(model="m", messages=messages, max_output_tokens=1000)


def settings(url: str) -> zg.Settings:
    """Make the settings of the built-in plugin."""
    vendors = {"openai": {"base_url": f"{url}/v1"}, "anthropic": {"base_url": url}}
    return zg.Settings("builtin", vendors)


@asynccontextmanager
async def bare_http(url: str) -> AsyncIterator[Call]:
    """The floor: one POST by aiohttp, and orjson."""
    import aiohttp
    import orjson

    body = {"model": "m", "messages": _MESSAGES, "max_tokens": 1000}
    headers = {"Content-Type": "application/json"}
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def call() -> object:
            async with session.post(
                f"{url}/v1/chat/completions", data=orjson.dumps(body), headers=headers
            ) as answer:
                return orjson.loads(await answer.read())

        yield call


@asynccontextmanager
async def openai_package(url: str) -> AsyncIterator[Call]:
    """OpenAI's package as its README says."""
    from openai import AsyncOpenAI

    async with AsyncOpenAI(api_key="k", base_url=f"{url}/v1") as client:

        async def call() -> object:
            return await client.chat.completions.create(
                model="m", messages=_MESSAGES, max_tokens=1000
            )

        yield call


@asynccontextmanager
async def anthropic_package(url: str) -> AsyncIterator[Call]:
    """Anthropic's package as its README says."""
    from anthropic import AsyncAnthropic

    async with AsyncAnthropic(api_key="k", base_url=url) as client:

        async def call() -> object:
            return await client.messages.create(
                model="m", system=INSTRUCTIONS, messages=_MESSAGES[1:], max_tokens=1000
            )

        yield call


@asynccontextmanager
async def openai_provider(url: str) -> AsyncIterator[Call]:
    """Our provider of OpenAI's models."""
    from zg_plugins_builtin.providers.openai import make

    provider = make(settings(url))
    yield lambda: provider.complete(request())
    await provider.close()


@asynccontextmanager
async def anthropic_provider(url: str) -> AsyncIterator[Call]:
    """Our provider of Anthropic's models."""
    from zg_plugins_builtin.providers.anthropic import make

    provider = make(settings(url))
    yield lambda: provider.complete(request())
    await provider.close()


class PlainAgents:
    """A plugin of four agents that ask once and do nothing else."""

    NAMES = ("one", "two", "three", "four")

    @zg.hookimpl
    def zg_register_agents(self) -> list[zg.AgentSpec]:
        return [zg.AgentSpec(name=name, factory=_plain) for name in self.NAMES]


def _plain() -> zg.Agent:
    from zg_plugins_builtin.agents import LLMAgent

    return LLMAgent(name="plain", instructions=INSTRUCTIONS, max_output_tokens=1000)


def plain_workflow(steps: int = 4) -> zg.Workflow:
    """Make a workflow of plain agents, one after the other."""
    names = PlainAgents.NAMES[:steps]
    needs = [()] + [(name,) for name in names]
    return zg.Workflow(
        "plain",
        tuple(
            zg.Step(name, agent=name, needs=before, prompt="{input}")
            for name, before in zip(names, needs, strict=False)
        ),
    )


def parallel_workflow() -> zg.Workflow:
    """Make the `optimized` workflow of plain agents: the middle two at once."""
    needs = ((), ("one",), ("one",), ("two", "three"))
    return zg.Workflow(
        "parallel",
        tuple(
            zg.Step(name, agent=name, needs=before, prompt="{input}")
            for name, before in zip(PlainAgents.NAMES, needs, strict=True)
        ),
    )


@asynccontextmanager
async def engine(
    url: str, journal: str = "memory", agents: object | None = None
) -> AsyncIterator[zg.Engine]:
    """Open an engine whose model is the server's."""
    config = zg.load_config(
        {
            "model": "openai:m",
            "plugins": {"config": {"builtin": {"openai": {"base_url": f"{url}/v1"}}}},
        }
    )
    agents = agents or PlainAgents()
    async with zg.Engine.open(agents, config=config, journal=journal) as opened:
        yield opened


def runs(
    workflow: zg.Workflow | str, *, journal: str, before: int = 5
) -> Callable[[Lap], Awaitable[None]]:
    """Measure a workflow done again and again in one engine.

    Args:
        workflow: The workflow, or its name.
        journal: Where the runs are kept.
        before: How many are done before any is measured.
    """

    async def measure(lap: Lap) -> None:
        async with engine(lap.url, journal) as opened:
            for _ in range(before):
                await opened.run(workflow, OBJECTIVE)
            with lap.timed():
                for _ in range(lap.count):
                    await opened.run(workflow, OBJECTIVE)

    return measure
