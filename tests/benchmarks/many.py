"""A thousand workflows of four calls at once, on a server that takes 500 ms a call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import anyio
from _calls import (
    OBJECTIVE,
    Call,
    bare_http,
    engine,
    openai_package,
    openai_provider,
    plain_workflow,
)
from _measure import Benchmark, Lap


def calls_at_once(
    opened: Callable[[str], AbstractAsyncContextManager[Call]],
) -> Callable[[Lap], Awaitable[None]]:
    """Measure four calls one after the other, in as many tasks as there are runs."""

    async def measure(lap: Lap) -> None:
        async with opened(lap.url) as call:

            async def four() -> None:
                for _ in range(4):
                    await call()

            await four()
            with lap.timed():
                async with anyio.create_task_group() as tasks:
                    for _ in range(lap.count):
                        tasks.start_soon(four)

    return measure


def runs_at_once(*, plain: bool, journal: str) -> Callable[[Lap], Awaitable[None]]:
    """Measure as many runs at once on one engine."""

    async def measure(lap: Lap) -> None:
        workflow = plain_workflow() if plain else "sequential"
        async with engine(lap.url, journal) as opened:

            async def run() -> None:
                result = await opened.run(workflow, OBJECTIVE)
                assert result.status == "completed", result

            await run()
            with lap.timed():
                async with anyio.create_task_group() as tasks:
                    for _ in range(lap.count):
                        tasks.start_soon(run)

    return measure


BENCHMARK = Benchmark(
    name="1,000 workflows at once",
    file=__file__,
    unit="ms a workflow",
    count=1000,
    repeat=3,
    server=("--latency", "0.5"),
    variants={
        "four calls by bare aiohttp": calls_at_once(bare_http),
        "four calls by the openai package": calls_at_once(openai_package),
        "four calls by our openai provider": calls_at_once(openai_provider),
        "four plain agents": runs_at_once(plain=True, journal="memory"),
        "four plain agents, durable": runs_at_once(plain=True, journal="sqlite"),
        "the default agents": runs_at_once(plain=False, journal="memory"),
        "the default agents, durable": runs_at_once(plain=False, journal="sqlite"),
    },
)

if __name__ == "__main__":
    BENCHMARK.main()
