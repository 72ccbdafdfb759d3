"""One model call after the other: what the layers above bare HTTP cost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from _calls import (
    OBJECTIVE,
    Call,
    anthropic_package,
    anthropic_provider,
    bare_http,
    engine,
    openai_package,
    openai_provider,
    plain_workflow,
)
from _measure import Benchmark, Lap


def calls(
    opened: Callable[[str], AbstractAsyncContextManager[Call]],
) -> Callable[[Lap], Awaitable[None]]:
    async def measure(lap: Lap) -> None:
        async with opened(lap.url) as call:
            for _ in range(50):
                await call()
            with lap.timed():
                for _ in range(lap.count):
                    await call()

    return measure


def runs(*, journal: str) -> Callable[[Lap], Awaitable[None]]:
    async def measure(lap: Lap) -> None:
        workflow = plain_workflow(1)
        async with engine(lap.url, journal) as opened:
            for _ in range(50):
                await opened.run(workflow, OBJECTIVE)
            with lap.timed():
                for _ in range(lap.count):
                    await opened.run(workflow, OBJECTIVE)

    return measure


BENCHMARK = Benchmark(
    name="one call",
    file=__file__,
    unit="ms a call",
    count=1000,
    variants={
        "bare aiohttp": calls(bare_http),
        "the openai package": calls(openai_package),
        "our openai provider": calls(openai_provider),
        "one plain agent": runs(journal="memory"),
        "one plain agent, durable": runs(journal="sqlite"),
        "the anthropic package": calls(anthropic_package),
        "our anthropic provider": calls(anthropic_provider),
    },
)

if __name__ == "__main__":
    BENCHMARK.main()
