"""What webhooks are told of jobs: each thing once, in the transaction of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from gateway.working import Bench, bench, make_tenants
from sqlalchemy import insert, select

from zg_plugins_builtin.gateway.database import Database
from zg_plugins_builtin.gateway.egress.sending import Egress
from zg_plugins_builtin.gateway.identity import Audit
from zg_plugins_builtin.gateway.webhooks import tables

pytestmark = pytest.mark.anyio
HOOK = "https://hook.example.com/done"


async def _public(_host: str, _port: int) -> list[str]:
    return ["93.184.215.14"]


async def told(service: Bench, database: Database, job_id: str) -> list[Any]:
    """Return what is to be told of a job: to whom, and the document."""
    rows = tables.deliveries
    query = select(rows).where(rows.c.job_id == job_id).order_by(rows.c.id)
    found = await database.read(lambda c: c.execute(query).all())
    return [(row.url, json.loads(row.body)) for row in found]


async def test_a_callback_is_told_of_the_end_and_nothing_else(
    database: Database, tmp_path: Path
) -> None:
    await make_tenants(database)
    egress = Egress(lookup=_public)
    async with bench(database, tmp_path, egress=egress) as service:
        done = await service.done(callback_url=HOOK)
        failed = await service.done(callback_url=HOOK, agent="broken")

        ((url, document),) = await told(service, database, done["job_id"])
        ((_, second),) = await told(service, database, failed["job_id"])
    assert (url, done["callback_url"]) == (HOOK, HOOK)
    assert (document["type"], second["type"]) == ("job.completed", "job.failed")
    assert document["data"]["status"] == "completed"
    assert document["data"]["version"] == done["version"]
    assert "result" not in document["data"]


async def test_an_endpoint_is_told_each_thing_once_though_a_run_is_resumed(
    database: Database, tmp_path: Path
) -> None:
    await make_tenants(database)
    async with bench(database, tmp_path, egress=Egress(lookup=_public)) as service:
        await database.write(
            lambda c: c.execute(
                insert(tables.endpoints).values(
                    id="whe_1",
                    tenant_id="tnt_1",
                    url=HOOK,
                    events=["*"],
                    description="",
                    asymmetric=False,
                    include_result=True,
                    enabled=True,
                    created_at=service.services.clock.now(),
                )
            )
        )
        job_id = (await service.post(agent="asker")).json()["job_id"]
        await service.until(job_id, "awaiting_input")
        (asked,) = (await service.ask("GET", f"/job/{job_id}/inputs")).json()["data"]
        given = {"interrupt_id": asked["interrupt_id"], "payload": "red"}
        await service.ask("POST", f"/job/{job_id}/input", json=given)
        await service.until(job_id, "succeeded")

        documents = [document for _, document in await told(service, database, job_id)]
    assert [document["type"] for document in documents] == [
        "job.queued",
        "job.started",
        "input.requested",
        "input.resolved",
        "job.completed",
    ]
    assert documents[-1]["data"]["result"] == "red"
    versions = [document["data"]["version"] for document in documents]
    assert versions == sorted(versions)


async def test_who_did_what_is_in_the_audit(database: Database, tmp_path: Path) -> None:
    await make_tenants(database)
    async with bench(database, tmp_path) as service:
        done = await service.done()
        await service.ask("DELETE", f"/job/{done['job_id']}")
        entries = await Audit(database, "tnt_1").list()

    assert [(e.action, e.actor, e.target) for e in entries] == [
        ("job.deleted", "ada", done["job_id"]),
        ("job.submitted", "ada", done["job_id"]),
    ]
