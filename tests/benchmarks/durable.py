"""A thousand workflows at once, each fact on disk before it is acted on."""

from __future__ import annotations

from _calls import bare_http
from _measure import Benchmark
from many import calls_at_once, runs_at_once

BENCHMARK = Benchmark(
    name="1,000 durable workflows at once",
    file=__file__,
    unit="ms a workflow",
    count=1000,
    repeat=3,
    server=("--latency", "0.05"),
    variants={
        "four calls by bare aiohttp": calls_at_once(bare_http),
        "four plain agents in memory": runs_at_once(plain=True, journal="memory"),
        "four plain agents on SQLite": runs_at_once(plain=True, journal="sqlite"),
        "the default agents on SQLite": runs_at_once(plain=False, journal="sqlite"),
    },
)

if __name__ == "__main__":
    BENCHMARK.main()
