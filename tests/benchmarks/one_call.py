"""One model call after the other: what the layers above bare HTTP cost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from _calls import (
    Call,
    anthropic_package,
    anthropic_provider,
    bare_http,
    openai_package,
    openai_provider,
    plain_workflow,
    runs,
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


_ONE = plain_workflow(1)

BENCHMARK = Benchmark(
    name="one call",
    file=__file__,
    unit="ms a call",
    count=1000,
    variants={
        "bare aiohttp": calls(bare_http),
        "the openai package": calls(openai_package),
        "our openai provider": calls(openai_provider),
        "one plain agent": runs(_ONE, journal="memory", before=50),
        "one plain agent, durable": runs(
            plain_workflow(1), journal="sqlite", before=50
        ),
        "the anthropic package": calls(anthropic_package),
        "our anthropic provider": calls(anthropic_provider),
    },
)

if __name__ == "__main__":
    BENCHMARK.main()
