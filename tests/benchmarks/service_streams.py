"""A thousand open streams: every event once and in order, memory of each, fan-out.

Fifty users have twenty streams each on one of fifty jobs that write files, slowly.
Beside them: what a stream takes of a server that does nothing else, the floor.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from collections import Counter
from datetime import datetime
from pathlib import Path

from _client import Connection, quantile
from _server import Process, Service, plain, serve

BARE = Path(__file__).with_name("_bare_stream.py")
PER_USER = 20
LATENCY = (1.0, 1.5)


class Watching:
    """What came through all streams.

    Attributes:
        open: How many are.
        delays: Seconds from the moment an event was recorded to when it came.
        events: How many events came, by stream.
        wrong: What should not have been.
    """

    def __init__(self) -> None:
        self.open = 0
        self.all_open = asyncio.Event()
        self.delays: list[float] = []
        self.events: Counter[tuple[str, int]] = Counter()
        self.wrong: Counter[str] = Counter()

    async def follow(
        self, service: Service, key: str, job_id: str, number: int, most: int
    ) -> None:
        """Follow a job to its end."""
        known = 0
        path = f"/api/v1/job/{job_id}/events"
        async for seq, kind, data in Connection(service.port, key).follow(path):
            now = time.time()
            if not kind:  # the first line, which says how soon to come again
                self.open += 1
                if self.open == most:
                    self.all_open.set()
            if not seq:
                continue
            if int(seq) != known + 1:
                self.wrong[f"{known + 1} expected, {seq} came"] += 1
            known = int(seq)
            self.events[job_id, number] += 1
            if self.all_open.is_set():
                at = datetime.fromisoformat(json.loads(data)["ts"]).timestamp()
                self.delays.append(now - at)


async def _floor(bare: Process, streams: int) -> None:
    """Print what bare streams take."""
    gate = asyncio.Semaphore(PER_USER)  # as many begin at once as of the service

    async def opened() -> Connection:
        connection = Connection(bare.port)
        async with gate:
            async for _ in connection.follow("/events"):
                return connection
        raise ConnectionError

    (await opened()).close()
    await asyncio.sleep(1)
    empty = bare.memory()
    connections = await asyncio.gather(*(opened() for _ in range(streams)))
    await asyncio.sleep(1)
    print(f"  a bare stream: {(bare.memory() - empty) * 1000 / streams:.0f} kB")
    for connection in connections:
        connection.close()


async def _submitted(service: Service, key: str, later: float) -> str:
    connection = Connection(service.port, key)
    begins = datetime.fromtimestamp(time.time() + later).astimezone().isoformat()
    sent = {"objective": "Say hello", "workflow": "sequential", "run_after": begins}
    answer = await connection.ask("POST", "/api/v1/objective", sent)
    assert answer.status == 200, answer
    connection.close()
    return str(answer.json()["job_id"])


async def _run(service: Service, streams: int, later: float) -> None:
    watching = Watching()
    jobs = {key: await _submitted(service, key, later) for key in service.keys}
    await asyncio.sleep(2)
    empty, cpu = service.memory(), service.cpu()
    tasks = []
    for key, job_id in jobs.items():
        for number in range(PER_USER):
            following = watching.follow(service, key, job_id, number, streams)
            tasks.append(asyncio.create_task(following))
        await asyncio.sleep(0.02)
    await watching.all_open.wait()
    await asyncio.sleep(1)
    full, opened = service.memory(), service.cpu()
    began = time.perf_counter()
    await asyncio.gather(*tasks)
    print(f"\n{streams} streams, load {os.getloadavg()[0]:.1f}")
    counts = {
        job_id: {watching.events[job_id, n] for n in range(PER_USER)}
        for job_id in jobs.values()
    }
    uneven = sum(len(each) != 1 for each in counts.values())
    total = watching.events.total()
    print(f"  events: {total} in {time.perf_counter() - began:.0f} s", end=", ")
    print(f"out of order {dict(watching.wrong) or 'none'}", end=", ")
    print(f"jobs whose streams differ: {uneven}")
    print(f"  memory: {(full - empty) * 1000 / streams:.0f} kB a stream", end=", ")
    print(f"{full:.0f} MB in all; CPU to open {(opened - cpu) / streams * 1e3:.1f} ms")
    print(f"  CPU an event and stream: {(service.cpu() - opened) / total * 1e3:.2f} ms")
    middle, most = quantile(watching.delays, 0.5), quantile(watching.delays, 0.95)
    print(f"  fan-out: median {middle * 1000:.0f} ms, p95 {most * 1000:.0f} ms")


def main() -> None:
    """Open them, and print what came."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--later", type=float, default=30.0, help="when jobs begin")
    given = parser.parse_args()
    users = given.streams // PER_USER
    with serve(users=users, latency=LATENCY) as service:
        asyncio.run(_run(service, users * PER_USER, given.later))
    with plain(BARE) as bare:
        asyncio.run(_floor(bare, users * PER_USER))


if __name__ == "__main__":
    main()
