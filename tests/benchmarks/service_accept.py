"""Accepting jobs: durable posts a second, and what each costs the service.

One job is done at a time, so that what is measured is accepting: the row, the
idempotency key, the audit and the beginning of the run's journal, all on the disk.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import uuid
from contextlib import ExitStack

import psycopg
from _client import Answer, Connection, Load, quantile
from _server import Service, postgresql, serve

CASES = ((1, 300), (50, 2000), (1000, 4000))
"""How many post at once, and how many posts there are."""
_SLOW = (30.0, 30.0)


async def _post(connection: Connection, number: int) -> Answer:
    sent = {"objective": f"Say hello to {number}", "agent": "assistant"}
    key = f"Idempotency-Key: {uuid.uuid4().hex}\r\n"
    return await connection.ask("POST", "/api/v1/objective", sent, key)


async def _posted(service: Service, at_once: int, count: int) -> Load:
    load = Load()
    users = [service.keys[number % len(service.keys)] for number in range(at_once)]
    connections = [Connection(service.port, key) for key in users]
    # So that connecting and knowing them is no part of it. One after the other the
    # first would be idle for so long that the server closes it.
    known = await asyncio.gather(
        *(connection.ask("GET", "/api/v1/auth/me") for connection in connections)
    )
    assert {answer.status for answer in known} == {200}
    await load.closed(connections, count, _post)
    for connection in connections:
        connection.close()
    return load


def _measure(service: Service, at_once: int, count: int) -> None:
    service.quiet()
    before = service.cpu()
    load = asyncio.run(_posted(service, at_once, count))
    answered = service.cpu() - before
    service.quiet()  # until the run of each is in the journal
    whole = service.cpu() - before
    assert set(load.statuses) == {200}, load.statuses
    print(
        f"  {at_once:5} at once: {count / load.wall:6.0f} a second, "
        f"p95 {quantile(load.seconds, 0.95) * 1000:6.0f} ms; CPU a post "
        f"{answered / count * 1000:.2f} ms until answered, "
        f"{whole / count * 1000:.2f} ms with what follows",
        flush=True,
    )


def _check(service: Service, address: str | None, expected: int) -> None:
    """See that each accepted job is there once, in the database and in the journal."""
    if address is not None:  # both are in one
        with psycopg.connect(address) as database:
            jobs = database.execute("SELECT count(*) FROM jobs").fetchone()
            runs = database.execute("SELECT count(*) FROM zg_journal_runs").fetchone()
    else:
        with sqlite3.connect(service.folder / "gateway/gateway.db") as file:
            jobs = file.execute("SELECT count(*) FROM jobs").fetchone()
        with sqlite3.connect(service.folder / "runs.db") as file:
            runs = file.execute("SELECT count(*) FROM runs").fetchone()
    assert jobs == runs == (expected,), (jobs, runs, expected)


def main() -> None:
    """Measure on each database."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"))
    wanted = parser.parse_args().database or "both"
    for name in ("sqlite", "postgresql"):
        if wanted not in (name, "both"):
            continue
        with ExitStack() as stack:
            address = None
            if name == "postgresql":
                address = stack.enter_context(postgresql())
                if address is None:
                    print("PostgreSQL is not installed")
                    continue
            print(f"\naccepting jobs, {name}")
            service = stack.enter_context(
                serve(users=50, running=1, latency=_SLOW, database=address)
            )
            for at_once, count in CASES:
                _measure(service, at_once, count)
            _check(service, address, sum(count for _, count in CASES))


if __name__ == "__main__":
    main()
