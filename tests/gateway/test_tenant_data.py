"""A tenant taken along, or erased: everything of it, and nothing of anybody else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from gateway.asking import ADA
from gateway.doors import Doors
from gateway.people import GOOD, Person, tenant_of
from gateway.working import Bench, Gatekeeper, bench, make_tenants
from sqlalchemy import Connection, func, select, update

from zg_plugins_builtin.gateway.database import Database, metadata
from zg_plugins_builtin.gateway.erasing import erase_tenants
from zg_plugins_builtin.gateway.identity import tables
from zg_plugins_builtin.gateway.identity.tenant_data import of_tenant

pytestmark = pytest.mark.anyio
TENANTS = "/api/v1/admin/tenants"
ALONE = {"registrations", "schema_versions"}
"""What belongs to no tenant (yet)."""


async def counts(database: Database, tenant: str) -> dict[str, int]:
    """Return how many rows of a tenant there are, by table."""

    def work(connection: Connection) -> dict[str, int]:
        query = select(func.count())
        return {
            table.name: number
            for table, which in of_tenant(tenant)
            if (number := connection.scalar(query.select_from(table).where(which)))
        }

    return await database.read(work)


def test_every_table_says_whose_its_rows_are() -> None:
    owned = {table.name for table, _ in of_tenant("ten_1")}
    shared = set(metadata.tables) - owned - ALONE

    # What is here has neither a tenant nor a user in it: decide whose it is.
    assert {name for name in shared if not name.startswith("job_")} == set()


async def filled(doors: Doors, who: Person) -> None:
    """Have somebody make one of several things."""
    for path, sent in (
        ("/api-keys", {"name": "ci", "scopes": ["jobs:read"]}),
        ("/admin/users", {"email": f"bob@{who.user.email[6:]}", "roles": ["viewer"]}),
        ("/webhook-endpoints", {"url": "https://hook.example.com/in"}),
        ("/auth/totp", None),
        ("/auth/oauth/elsewhere/link", None),
    ):
        answer = await doors.ask(who, "POST", f"/api/v1{path}", sent)
        assert answer.is_success, (path, answer.text)


async def test_a_tenant_is_erased_whole_and_nothing_else_is(
    doors: Doors, owner: Person, stranger: Person
) -> None:
    await filled(doors, owner)
    await filled(doors, stranger)
    theirs, ours = stranger.principal.tid, owner.principal.tid
    before = await counts(doors.database, ours)

    answer = await doors.ask(owner, "DELETE", f"{TENANTS}/{theirs}")
    shut_out = await doors.ask(stranger, "GET", "/api/v1/auth/me")
    again = await doors.ask(owner, "DELETE", f"{TENANTS}/{theirs}")
    enabled = await doors.ask(owner, "PATCH", f"{TENANTS}/{theirs}", {"enabled": True})
    gone = await erase_tenants(doors.database, doors.jobs)

    assert (answer.status_code, again.status_code) == (202, 202)
    assert answer.json()["erasing_since"] == again.json()["erasing_since"]
    assert (shut_out.status_code, enabled.status_code) == (401, 409)
    assert gone == [theirs]
    assert await counts(doors.database, theirs) == {}
    after = await counts(doors.database, ours)
    assert {k: v for k, v in after.items() if k != "audit"} == {
        k: v for k, v in before.items() if k != "audit"
    }
    assert (await doors.ask(owner, "GET", f"{TENANTS}/{theirs}")).status_code == 404
    audit = (await doors.ask(owner, "GET", "/api/v1/admin/audit")).json()["data"]
    assert [e["target"] for e in audit if e["action"] == "tenant.erased"] == [theirs]
    # Its name and its people's addresses may be taken again.
    assert await tenant_of(doors.identity, owner.principal, "initech")


async def test_the_host_is_not_erased_and_nobody_else_erases(
    doors: Doors, owner: Person, stranger: Person, ada: Person
) -> None:
    host = f"{TENANTS}/{owner.principal.tid}"

    by_owner = await doors.ask(owner, "DELETE", host)
    by_stranger = await doors.ask(stranger, "DELETE", host)
    by_member = await doors.ask(ada, "DELETE", host)
    doors.watch.turn(minutes=6)
    too_old = await doors.ask(owner, "DELETE", f"{TENANTS}/{stranger.principal.tid}")

    assert by_owner.status_code == 409
    assert (by_stranger.status_code, by_member.status_code) == (403, 403)
    assert too_old.status_code == 401
    assert await erase_tenants(doors.database, doors.jobs) == []


async def test_jobs_are_stopped_and_their_files_erased(
    database: Database, tmp_path: Path
) -> None:
    await make_tenants(database)
    gate = Gatekeeper()
    async with bench(database, tmp_path, held=gate) as service:
        theirs = {"who": "Bearer eve"}
        done = await service.post(headers={"prefer": "wait=20"}, **theirs)
        held = await service.post(agent="held", **theirs)
        ours = await service.done()
        running = held.json()["job_id"]
        await _until_running(service, running)
        await database.write(lambda c: c.execute(_erasing("tnt_2")))

        gone: list[str] = []
        for _ in range(20):
            gone = gone or await erase_tenants(database, service.jobs)

        left = {run.run_id for run in await service.engine.journal.list()}
        kept = await service.ask("GET", f"/job/{ours['job_id']}", headers=ADA)

    assert done.json()["status"] == "completed"
    assert gone == ["tnt_2"]
    assert left == {ours["job_id"]}
    assert await counts(database, "tnt_2") == {}
    assert [path.name for path in (tmp_path / "out").iterdir()] == [ours["job_id"]]
    assert kept.json() == ours


async def _until_running(service: Bench, job_id: str) -> None:
    job = await service.jobs.changed(
        "tnt_2", job_id, lambda j: j.state == "running", 10
    )
    assert job.state == "running"


def _erasing(tenant: str) -> Any:
    table = tables.tenants
    now = {"erasing_since": func.coalesce(table.c.disabled_at, table.c.created_at)}
    return update(table).where(table.c.id == tenant).values(now)


async def test_an_export_has_everything_of_a_tenant_and_no_secret(
    doors: Doors, owner: Person, stranger: Person
) -> None:
    await filled(doors, owner)
    await filled(doors, stranger)
    key = await doors.ask(
        stranger, "POST", "/api/v1/api-keys", {"name": "k", "scopes": ["jobs:read"]}
    )

    answer = await doors.ask(stranger, "GET", "/api/v1/admin/export")
    rows = [json.loads(line) for line in answer.text.splitlines()]
    tables_told = {row["table"] for row in rows}
    there = set(await counts(doors.database, stranger.principal.tid))

    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert tables_told == there - {
        *("refresh_tokens", "tickets", "recovery_codes", "job_queue"),
        "oauth_states",
    }
    assert stranger.user.email in answer.text
    for secret in (key.json()["key"], stranger.tokens.refresh_token, GOOD, "$argon2"):
        assert secret not in answer.text
    assert owner.principal.tid not in answer.text
    assert owner.user.email not in answer.text
    words = {name for row in rows for name in row["row"]}
    assert not words & {"password_hash", "sealed", "digest", "cookie_digest"}
    assert not words & {"verifier", "nonce"}


async def test_only_who_runs_the_service_takes_others_along(
    doors: Doors, owner: Person, stranger: Person, ada: Person
) -> None:
    theirs = f"{TENANTS}/{stranger.principal.tid}/export"

    assert (await doors.ask(owner, "GET", theirs)).status_code == 200
    assert (await doors.ask(stranger, "GET", theirs)).status_code == 403
    assert (await doors.ask(ada, "GET", "/api/v1/admin/export")).status_code == 403
    nobodys = f"{TENANTS}/ten_{'0' * 32}/export"
    assert (await doors.ask(owner, "GET", nobodys)).status_code == 404
