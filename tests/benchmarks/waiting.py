"""What four agents take beyond the waiting: three calls deep, 50 ms a call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from _calls import Call, bare_http, openai_package, parallel_workflow, runs
from _measure import Benchmark, Lap

LATENCY = 0.05


def by_hand(
    opened: Callable[[str], AbstractAsyncContextManager[Call]],
) -> Callable[[Lap], Awaitable[None]]:
    async def measure(lap: Lap) -> None:
        async with opened(lap.url) as call:

            async def four() -> None:
                await call()
                await asyncio.gather(call(), call())
                await call()

            for _ in range(5):
                await four()
            with lap.timed():
                for _ in range(lap.count):
                    await four()

    return measure


BENCHMARK = Benchmark(
    name="four agents at 50 ms a call; wall beyond the ideal 150 ms",
    file=__file__,
    unit="ms a workflow",
    count=10,
    ideal=3 * LATENCY,
    server=("--latency", str(LATENCY)),
    variants={
        "four calls by bare aiohttp": by_hand(bare_http),
        "four calls by the openai package": by_hand(openai_package),
        "four plain agents": runs(parallel_workflow(), journal="memory"),
        "four plain agents, durable": runs(parallel_workflow(), journal="sqlite"),
        "the default agents": runs("optimized", journal="memory"),
        "the default agents, durable": runs("optimized", journal="sqlite"),
    },
)

if __name__ == "__main__":
    BENCHMARK.main()
