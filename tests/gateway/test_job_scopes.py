"""Who may change jobs and not read them is told no word of what they gave."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from gateway.asking import ADA
from gateway.working import Bench, TwoTenants, bench, make_tenants

from zg_plugins_builtin.gateway.database import Database
from zg_plugins_builtin.gateway.identity import Principal

pytestmark = pytest.mark.anyio
WES = {"authorization": "Bearer wes"}
TOLD = {"job_id", "status", "state", "priority", "version", "completed_at", "links"}


class Writers(TwoTenants):
    """Knows Wes as well, who may submit jobs and not read them."""

    async def authenticate(self, credential: str, address: str | None) -> Principal:
        if credential != "wes":
            return await super().authenticate(credential, address)
        scopes = frozenset({"jobs:write"})
        return replace(Principal.operator("tnt_1"), sub="wes", scopes=scopes)


@pytest.fixture
async def service(database: Database, tmp_path: Path) -> AsyncIterator[Bench]:
    await make_tenants(database)
    async with bench(database, tmp_path, authenticator=Writers()) as made:
        yield made


async def test_who_may_not_read_jobs_is_not_waited_for(service: Bench) -> None:
    waits = {"prefer": "wait=20"}
    posted = await service.post(who=WES["authorization"], headers=waits)
    ended = await service.until(posted.json()["job_id"], "succeeded")

    assert (posted.status_code, posted.json()["state"]) == (200, "queued")
    assert posted.json()["result"] is None
    assert "preference-applied" not in posted.headers
    assert ended["result"] == "Hello."


async def test_who_may_not_read_jobs_tries_one_again_unseen(service: Bench) -> None:
    secret = await service.done("Something secret", metadata={"case": "7"})
    path = f"/job/{secret['job_id']}/retry"
    once = {"idempotency-key": "k1"}

    told = await service.ask("POST", path, headers={**WES, **once})
    again = await service.ask("POST", path, headers={**WES, **once})
    whole = await service.ask("POST", path, headers=ADA)

    assert (told.status_code, again.status_code) == (202, 202)
    assert set(told.json()) == TOLD
    assert again.json() == told.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert whole.json()["objective"] == "Something secret"


async def test_who_may_not_read_jobs_cancels_one_unseen(service: Bench) -> None:
    posted = await service.post("Something secret", run_after="2999-01-01T00:00:00Z")
    path = f"/job/{posted.json()['job_id']}/cancel"

    told = await service.ask("POST", path, headers=WES)
    whole = await service.ask("POST", path, headers=ADA)

    assert (told.status_code, told.json()["state"]) == (200, "cancelled")
    assert set(told.json()) == TOLD
    assert whole.json()["objective"] == "Something secret"


async def test_who_may_not_read_jobs_answers_one_unseen(service: Bench) -> None:
    async def asked() -> tuple[str, dict[str, Any]]:
        posted = await service.post("Something secret", agent="asker")
        job = (await service.until(posted.json()["job_id"], "awaiting_input"))["job_id"]
        inputs = await service.ask("GET", f"/job/{job}/inputs", headers=ADA)
        interrupt = inputs.json()["data"][0]["interrupt_id"]
        return f"/job/{job}/input", {"interrupt_id": interrupt, "payload": "red"}

    path, given = await asked()
    told = await service.ask("POST", path, headers=WES, json=given)
    path, given = await asked()
    whole = await service.ask("POST", path, headers=ADA, json=given)

    assert (told.status_code, whole.status_code) == (202, 202)
    assert set(told.json()) == TOLD
    assert whole.json()["objective"] == "Something secret"
