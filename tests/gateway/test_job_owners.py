"""What somebody asked for ends with them: nobody spends who may do nothing any more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from gateway.people import Person
from gateway.working import Bench, Gatekeeper, bench

from zg_plugins_builtin.gateway.database import Database
from zg_plugins_builtin.gateway.identity import Identity, NewApiKey
from zg_plugins_builtin.gateway.jobs import Job

pytestmark = pytest.mark.anyio
GATE = Gatekeeper()
ENDS = ("succeeded", "failed", "cancelled")


@pytest.fixture
async def service(
    database: Database, identity: Identity, tmp_path: Path
) -> AsyncIterator[Bench]:
    """A service that does no job until it is told to."""
    GATE.open, GATE.begun = anyio.Event(), 0
    async with bench(
        database, tmp_path, working=False, authenticator=identity, gate=GATE.run
    ) as made:
        yield made


@pytest.fixture
async def key(identity: Identity, ada: Person) -> NewApiKey:
    keys = identity.api_keys(ada.principal.tid)
    return await keys.create(ada.principal, "ci", ["jobs:read", "jobs:write"])


async def posted(service: Bench, credential: str, agent: str = "writer") -> str:
    answer = await service.post(agent=agent, who=f"Bearer {credential}")
    assert answer.status_code == 200, answer.text
    return str(answer.json()["job_id"])


async def until(service: Bench, tenant: str, job_id: str, *states: str) -> Job:
    with anyio.fail_after(10):
        return await service.jobs.changed(
            tenant, job_id, lambda job: job.state in states, 10
        )


async def ended(service: Bench, tenant: str, *jobs: str) -> list[tuple[str, str]]:
    """Do all jobs; return how these end, and why."""
    async with anyio.create_task_group() as group:
        group.start_soon(service.jobs.run)
        done = [await until(service, tenant, job_id, *ENDS) for job_id in jobs]
        group.cancel_scope.cancel()
    return [(job.state, str((job.error or {}).get("detail", ""))) for job in done]


async def test_what_a_disabled_user_had_queued_is_not_begun(
    service: Bench, identity: Identity, owner: Person, ada: Person, key: NewApiKey
) -> None:
    tenant = ada.principal.tid
    own = await posted(service, ada.tokens.access_token)
    by_key = await posted(service, key.secret)
    other = await posted(service, owner.tokens.access_token)

    await identity.users(tenant).disable(owner.principal, ada.user.id)

    why = "stopped: whoever submitted it is disabled"
    assert await ended(service, tenant, own, by_key, other) == [
        ("cancelled", why),
        ("cancelled", why),
        ("succeeded", ""),
    ]
    assert (await service.jobs.get(tenant, own)).started_at is None


async def test_what_a_disabled_tenant_had_queued_is_not_begun(
    service: Bench, identity: Identity, owner: Person, stranger: Person
) -> None:
    tenant = stranger.principal.tid
    job = await posted(service, stranger.tokens.access_token)

    await identity.tenants.disable(owner.principal, tenant)

    why = "stopped: the tenant is disabled"
    assert await ended(service, tenant, job) == [("cancelled", why)]


async def test_what_a_revoked_key_had_queued_is_not_begun(
    service: Bench, identity: Identity, ada: Person, key: NewApiKey
) -> None:
    tenant = ada.principal.tid
    by_key = await posted(service, key.secret)
    own = await posted(service, ada.tokens.access_token)

    await identity.api_keys(tenant).revoke(ada.principal, key.key.id)

    why = "stopped: the key that submitted it is revoked"
    assert await ended(service, tenant, by_key, own) == [
        ("cancelled", why),
        ("succeeded", ""),
    ]


async def test_what_a_rotated_key_had_queued_goes_on(
    service: Bench, identity: Identity, ada: Person, key: NewApiKey
) -> None:
    tenant = ada.principal.tid
    job = await posted(service, key.secret)

    await identity.api_keys(tenant).rotate(ada.principal, key.key.id)

    assert await ended(service, tenant, job) == [("succeeded", "")]


async def test_what_runs_of_a_disabled_user_is_cancelled(
    service: Bench, identity: Identity, owner: Person, ada: Person
) -> None:
    tenant = ada.principal.tid
    job = await posted(service, ada.tokens.access_token, agent="gate")
    async with anyio.create_task_group() as group:
        group.start_soon(service.jobs.run)
        await until(service, tenant, job, "running")

        await identity.users(tenant).disable(owner.principal, ada.user.id)

        done = await until(service, tenant, job, *ENDS)
        group.cancel_scope.cancel()
    assert done.state == "cancelled"


async def test_who_is_enabled_again_in_time_has_lost_nothing(
    service: Bench, identity: Identity, owner: Person, ada: Person
) -> None:
    tenant, users = ada.principal.tid, identity.users(ada.principal.tid)
    job = await posted(service, ada.tokens.access_token)

    await users.disable(owner.principal, ada.user.id)
    await users.enable(owner.principal, ada.user.id)

    assert await ended(service, tenant, job) == [("succeeded", "")]
