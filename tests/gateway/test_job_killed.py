"""A real server with SQLite, killed again and again while it has jobs."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from gateway.asking import ADA
from gateway.working import Bench, bench, make_tenants

import zg_core as zg
from zg_plugins_builtin.gateway.database import Database
from zg_plugins_builtin.gateway.protocol import ConnectionLimits
from zg_plugins_builtin.gateway.server import Server, ServerSettings

pytestmark = pytest.mark.heavy
JOBS = 24
ANY = ConnectionLimits(connections=None, new_connections=None)
SERVICE = "import sys; from gateway.test_job_killed import main; main(sys.argv[1])"


async def _slow(ctx: zg.Context) -> zg.Reply:
    answer = await ctx.complete([zg.Message.user(ctx.prompt)])
    await anyio.sleep(0.2)
    return zg.Reply(output=answer.text)


def main(folder: str) -> None:
    """Serve until killed."""
    anyio.run(_serve, Path(folder))


async def _serve(folder: Path) -> None:
    database = await Database.open(folder / "jobs.db")
    if not (folder / "made").exists():
        await make_tenants(database)
        (folder / "made").touch()
    journal = f"sqlite:///{folder}/runs.db"
    async with bench(database, folder, journal=journal, writer=_slow) as made:
        await _listen(made)
    await database.close()


async def _listen(made: Bench) -> None:
    server = Server(made.app, made.services, ServerSettings(port=0, connections=ANY))
    async with anyio.create_task_group() as group:
        group.start_soon(server.serve)
        while not server.started:
            await anyio.sleep(0.01)
        print(server.address[1], flush=True)


@contextmanager
def served(folder: Path) -> Iterator[tuple[subprocess.Popen[str], httpx2.Client]]:
    process = subprocess.Popen(
        [sys.executable, "-c", SERVICE, str(folder)],
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        url = f"http://localhost:{port}/api/v1"
        with httpx2.Client(base_url=url, headers=ADA, timeout=30) as client:
            yield process, client
    finally:
        process.kill()
        process.communicate()


def test_a_server_that_is_killed_loses_and_doubles_nothing(tmp_path: Path) -> None:
    accepted: dict[str, str] = {}
    for turn in range(3):
        with served(tmp_path) as (process, client):
            for number in range(JOBS // 3):
                key = f"{turn}-{number}"
                answer = client.post(
                    "/objective",
                    json={"objective": f"Say {key}", "agent": "writer"},
                    headers={"idempotency-key": key},
                )
                assert answer.status_code == 200, answer.text
                accepted[key] = answer.json()["job_id"]
            process.send_signal(signal.SIGKILL)
            process.wait()
    with served(tmp_path) as (_, client):
        for key, job_id in accepted.items():
            again = client.post(
                "/objective",
                json={"objective": f"Say {key}", "agent": "writer"},
                headers={"idempotency-key": key},
            )
            assert again.json()["job_id"] == job_id
        done = [_ended(client, job_id) for job_id in accepted.values()]
        listed = client.get("/jobs?limit=100").json()["data"]
        events = [client.get(f"/job/{i}/events").json() for i in accepted.values()]

    assert {job["state"] for job in done} == {"succeeded"}
    assert {job["job_id"] for job in listed} == set(accepted.values())
    assert len(accepted) == JOBS
    for page in events:
        told = page["data"]
        assert [event["seq"] for event in told] == list(range(1, len(told) + 1))
        ends = [event for event in told if event["type"] == "job.completed"]
        assert ends == told[-1:]


def _ended(client: httpx2.Client, job_id: str) -> dict[str, Any]:
    for _ in range(100):
        job = client.get(f"/job/{job_id}", headers={"prefer": "wait=5"}).json()
        if job["status"] in ("completed", "failed"):
            return dict(job)
    raise AssertionError(f"{job_id} never ended")
