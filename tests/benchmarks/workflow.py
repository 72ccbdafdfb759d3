"""Four agents, one after the other, one workflow at a time."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from _calls import Call, bare_http, openai_package, plain_workflow, runs
from _measure import Benchmark, Lap


@asynccontextmanager
async def stored_http(url: str) -> AsyncIterator[Call]:
    """The floor of what is durable: each answer in SQLite, and synced, by a thread."""
    with tempfile.TemporaryDirectory() as place, ThreadPoolExecutor(1) as thread:
        loop = asyncio.get_running_loop()
        file = sqlite3.connect(f"{place}/answers.db", check_same_thread=False)
        file.execute("PRAGMA journal_mode = WAL")
        file.execute("PRAGMA synchronous = FULL")
        file.execute("CREATE TABLE answers (body TEXT)")

        def store(answer: object) -> None:
            with file:
                file.execute("INSERT INTO answers VALUES (?)", [json.dumps(answer)])

        async with bare_http(url) as ask:

            async def call() -> None:
                await loop.run_in_executor(thread, store, await ask())

            yield call
        file.close()


def four_calls(
    opened: Callable[[str], AbstractAsyncContextManager[Call]],
) -> Callable[[Lap], Awaitable[None]]:
    async def measure(lap: Lap) -> None:
        async with opened(lap.url) as call:
            for _ in range(20):
                await call()
            with lap.timed():
                for _ in range(lap.count * 4):
                    await call()

    return measure


BENCHMARK = Benchmark(
    name="the four-agent workflow",
    file=__file__,
    unit="ms a workflow",
    count=100,
    variants={
        "four calls by bare aiohttp": four_calls(bare_http),
        "four calls by bare aiohttp, stored": four_calls(stored_http),
        "four calls by the openai package": four_calls(openai_package),
        "four plain agents": runs(plain_workflow(), journal="memory"),
        "four plain agents, durable": runs(plain_workflow(), journal="sqlite"),
        "the default agents": runs("sequential", journal="memory"),
        "the default agents, durable": runs("sequential", journal="sqlite"),
    },
)

if __name__ == "__main__":
    BENCHMARK.main()
