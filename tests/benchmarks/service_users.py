"""A thousand users: each submits, follows and reads, while models take up to 5 s.

Half of them follow by a stream of events, half ask every two seconds. Nothing may be
lost or doubled, nothing answered with 5xx, and 95 % of jobs end within 30 s.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sqlite3
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field

from _client import Connection, Load, quantile
from _server import Service, serve

LATENCY = (0.5, 5.0)
_EVERY = 2.0
_ENDED = ("completed", "failed")


@dataclass(slots=True)
class Seen:
    """What all users saw together."""

    posts: Load = field(default_factory=Load)
    gets: Load = field(default_factory=Load)
    jobs: list[float] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    wrong: Counter[str] = field(default_factory=Counter)
    most_memory: float = 0.0


@dataclass(slots=True)
class User:
    """Does what one user does."""

    service: Service
    key: str
    number: int
    seen: Seen
    workflow: str

    async def work(self, jobs: int, within: float) -> None:
        """Begin at some moment, and have jobs done one after the other."""
        await asyncio.sleep(random.Random(self.number).uniform(0, within))
        for round_ in range(jobs):
            connection = Connection(self.service.port, self.key)
            try:
                await self._one(connection, f"{self.number}.{round_}")
            except (OSError, asyncio.IncompleteReadError) as error:
                self.seen.wrong[f"connection: {type(error).__name__}"] += 1
            finally:
                connection.close()

    async def _one(self, connection: Connection, name: str) -> None:
        began = time.perf_counter()
        asked = {"objective": f"Say hello to {name}", **_how(self.workflow)}
        key = f"Idempotency-Key: {uuid.uuid4().hex}\r\n"
        posting = connection.ask("POST", "/api/v1/objective", asked, key)
        answer = await self.seen.posts.timed(posting)
        if answer.status != 200:
            self.seen.wrong[f"POST {answer.status}"] += 1
            return
        job = answer.json()
        self.seen.ids.append(job["job_id"])
        if self.number % 2:
            await self._poll(connection, job["job_id"])
        else:
            await self._stream(job["job_id"])
        read = await self._read(connection, job["job_id"])
        self.seen.jobs.append(time.perf_counter() - began)
        if read["status"] != "completed" or f"hello to {name}" not in str(read):
            self.seen.wrong[f"job {read['state']}"] += 1

    async def _read(self, connection: Connection, job_id: str) -> dict[str, object]:
        asking = connection.ask("GET", f"/api/v1/job/{job_id}")
        answer = await self.seen.gets.timed(asking)
        if answer.status != 200:
            self.seen.wrong[f"GET {answer.status}"] += 1
            return {"status": "?", "state": f"unread, {answer.status}"}
        return dict(answer.json())

    async def _poll(self, connection: Connection, job_id: str) -> None:
        while (await self._read(connection, job_id))["status"] not in (*_ENDED, "?"):
            await asyncio.sleep(_EVERY)

    async def _stream(self, job_id: str) -> None:
        stream = Connection(self.service.port, self.key)
        known = 0
        async for number, kind, _ in stream.follow(f"/api/v1/job/{job_id}/events"):
            if kind == "stream.end":
                return
            if number and int(number) != known + 1:
                self.seen.wrong["an event lost or doubled"] += 1
            known = int(number or known)
        self.seen.wrong["a stream without an end"] += 1


def _how(workflow: str) -> dict[str, str]:
    one = workflow == "one agent"
    return {"agent": "assistant"} if one else {"workflow": workflow}


async def _all(
    service: Service, seen: Seen, jobs: int, within: float, workflow: str
) -> None:
    users = [
        User(service, key, number, seen, workflow)
        for number, key in enumerate(service.keys)
    ]
    looking = asyncio.create_task(_look(service, seen))
    await asyncio.gather(*(user.work(jobs, within) for user in users))
    looking.cancel()


async def _look(service: Service, seen: Seen) -> None:
    while True:
        seen.most_memory = max(seen.most_memory, service.memory())
        await asyncio.sleep(0.5)


def _check(service: Service, seen: Seen, expected: int) -> None:
    """Hold what the users saw against what the service keeps."""
    with sqlite3.connect(service.folder / "gateway/gateway.db") as database:
        kept = dict(database.execute("SELECT id, state FROM jobs").fetchall())
    with sqlite3.connect(service.folder / "runs.db") as journal:
        rows = journal.execute("SELECT run_id, body FROM events").fetchall()
    ends = Counter(
        run for run, body in rows if json.loads(body)["type"] == "run_finished"
    )
    lost = set(seen.ids) - set(kept)
    doubled = [run for run, times in ends.items() if times > 1]
    print(f"  jobs: {len(kept)} of {expected} kept, {len(lost)} lost", end=", ")
    print(f"{len(doubled)} done twice, {Counter(kept.values())}")
    assert len(set(seen.ids)) == len(seen.ids)


def main() -> None:
    """Run them, and print what they saw."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--users", type=int, default=1000)
    add("--jobs", type=int, default=1, help="of each user, one after the other")
    add("--within", type=float, default=60.0, help="seconds in which they all begin")
    add("--workflow", default="one agent", help="or the name of a workflow")
    given = parser.parse_args()
    seen = Seen()
    with serve(users=given.users, running=given.users, latency=LATENCY) as service:
        service.quiet()
        before, began = service.cpu(), time.perf_counter()
        idle = service.memory()
        work = _all(service, seen, given.jobs, given.within, given.workflow)
        asyncio.run(work)
        wall = time.perf_counter() - began
        cpu = service.cpu() - before
        count = given.users * given.jobs
        print(f"\n{given.users} users, {given.workflow}, load {os.getloadavg()[0]:.1f}")
        _check(service, seen, count)
    print(f"  went wrong: {dict(seen.wrong) or 'nothing'}")
    print(f"  answers: POST {seen.posts.statuses}, GET {seen.gets.statuses}")
    for name, seconds in (
        ("a job", seen.jobs),
        ("POST", seen.posts.seconds),
        ("GET", seen.gets.seconds),
    ):
        middle, most = quantile(seconds, 0.5), quantile(seconds, 0.95)
        print(f"  {name}: median {middle:.3f} s, p95 {most:.3f} s")
    print(f"  {wall:.0f} s, CPU {cpu / count * 1000:.1f} ms a job, all that it asks")
    print(f"  memory: {idle:.0f} MB before, {seen.most_memory:.0f} MB at most")


if __name__ == "__main__":
    main()
