"""A long answer in pieces of a word each: what a piece costs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from _calls import OBJECTIVE, engine, plain_workflow, request, settings
from _measure import Benchmark, Lap

PIECES = 2000
STREAMS = 10


async def bare_lines(url: str) -> AsyncIterator[Any]:
    import aiohttp
    import orjson

    messages = [{"role": "user", "content": OBJECTIVE}]
    body = orjson.dumps({"model": "m", "messages": messages, "stream": True})
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/v1/chat/completions", data=body) as answer,
    ):
        rest = b""
        async for chunk in answer.content.iter_any():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                if line.startswith(b"data:") and b"[DONE]" not in line:
                    yield orjson.loads(line[5:])


async def package_chunks(url: str) -> AsyncIterator[Any]:
    from openai import AsyncOpenAI

    messages = [{"role": "user", "content": OBJECTIVE}]
    async with AsyncOpenAI(api_key="k", base_url=f"{url}/v1") as client:
        stream = await client.chat.completions.create(
            model="m", messages=messages, stream=True
        )
        async for chunk in stream:
            yield chunk


async def openai_chunks(url: str) -> AsyncIterator[Any]:
    from zg_plugins_builtin.providers.openai import make

    provider = make(settings(url))
    async for chunk in provider.stream(request()):
        yield chunk
    await provider.close()


async def anthropic_chunks(url: str) -> AsyncIterator[Any]:
    from zg_plugins_builtin.providers.anthropic import make

    provider = make(settings(url))
    async for chunk in provider.stream(request()):
        yield chunk
    await provider.close()


def read(
    chunks: Callable[[str], AsyncIterator[Any]],
) -> Callable[[Lap], Awaitable[None]]:
    async def measure(lap: Lap) -> None:
        async for _ in chunks(lap.url):
            pass
        with lap.timed():
            for _ in range(STREAMS):
                assert sum([1 async for _ in chunks(lap.url)]) >= PIECES

    return measure


async def engine_deltas(lap: Lap) -> None:
    workflow = plain_workflow(steps=1)
    async with engine(lap.url) as opened:

        def stream() -> AsyncIterator[Any]:
            return opened.stream(workflow, OBJECTIVE, deltas=True)

        async for _ in stream():
            pass
        with lap.timed():
            for _ in range(STREAMS):
                assert sum([1 async for _ in stream()]) >= PIECES


BENCHMARK = Benchmark(
    name="streaming",
    file=__file__,
    unit="µs a piece",
    scale=1e6,
    count=PIECES * STREAMS,
    server=("--text", "word " * PIECES),
    variants={
        "bare aiohttp and orjson": read(bare_lines),
        "the openai package": read(package_chunks),
        "our openai provider": read(openai_chunks),
        "our anthropic provider": read(anthropic_chunks),
        "the engine, with deltas": engine_deltas,
    },
)

if __name__ == "__main__":
    BENCHMARK.main()
