"""Reading a job: what it costs the service, beside a bare FastAPI route."""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from _client import Connection, Load, quantile
from _measure import Row, show
from _server import PASSWORD, Process, Service, plain, postgresql, serve

COUNT = 4000
CONNECTIONS = 64


async def _job(service: Service) -> dict[str, object]:
    """Return a job that is done."""
    connection = Connection(service.port, service.keys[0])
    sent = {"objective": "Say hello", "agent": "assistant"}
    job = (await connection.ask("POST", "/api/v1/objective", sent)).json()
    while job["status"] not in ("completed", "failed"):
        path = f"/api/v1/job/{job['job_id']}"
        job = (await connection.ask("GET", path, headers="Prefer: wait=5\r\n")).json()
    connection.close()
    assert job["status"] == "completed", job
    return dict(job)


async def _token(service: Service) -> str:
    connection = Connection(service.port)
    sent = {"email": service.emails[0], "password": PASSWORD}
    answer = await connection.ask("POST", "/api/v1/auth/login", sent)
    connection.close()
    token: str = answer.json()["access_token"]
    return token


async def _load(process: Process, credential: str, path: str, count: int) -> Load:
    load = Load()
    connections = [Connection(process.port, credential) for _ in range(CONNECTIONS)]
    await load.closed(connections, count, lambda c, _: c.ask("GET", path))
    for connection in connections:
        connection.close()
    assert set(load.statuses) == {200}, load.statuses
    return load


def main() -> None:
    """Measure the variants in turn, as often as asked, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--database", choices=("sqlite", "postgresql"))
    given = parser.parse_args()
    with ExitStack() as stack:
        address = None
        if given.database == "postgresql":
            address = stack.enter_context(postgresql())
            if address is None:
                print("PostgreSQL is not installed")
                return
        show(run(given.repeat, address))


def run(repeat: int = 5, database: str | None = None) -> list[Row]:
    """Measure, and return a row for each variant."""
    bare = Path(__file__).parent / "_bare.py"
    with serve(users=1, password=True, database=database) as service:
        job = asyncio.run(_job(service))
        path = f"/api/v1/job/{job['job_id']}"
        token = asyncio.run(_token(service))
        with plain(bare, json.dumps(job)) as floor:
            variants: dict[str, tuple[Process, str]] = {
                "a bare FastAPI route": (floor, ""),
                "a job, by an API key": (service, service.keys[0]),
                "a job, by an access token": (service, token),
            }
            taken: dict[str, list[tuple[float, Load]]] = {n: [] for n in variants}
            for process, credential in variants.values():
                asyncio.run(_load(process, credential, path, 500))
            for _ in range(repeat):
                for name, (process, credential) in variants.items():
                    before = process.cpu()
                    load = asyncio.run(_load(process, credential, path, COUNT))
                    taken[name].append((process.cpu() - before, load))
            return [
                _row(name, laps, variants[name][0].memory)
                for name, laps in taken.items()
            ]


def _row(name: str, laps: list[tuple[float, Load]], memory: Callable[[], float]) -> Row:
    seconds = [took for _, load in laps for took in load.seconds]
    print(f"  {name}: p95 {quantile(seconds, 0.95) * 1000:.1f} ms at {CONNECTIONS}")
    return Row(
        benchmark=f"reading a job, {CONNECTIONS} connections",
        variant=name,
        unit="ms a request",
        cpu=statistics.median(cpu for cpu, _ in laps) / COUNT * 1000,
        wall=statistics.median(load.wall for _, load in laps) / COUNT * 1000,
        peak_mb=memory(),
    )


if __name__ == "__main__":
    main()
