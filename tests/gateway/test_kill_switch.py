"""The kill switch: nothing new is begun of what was stopped, and what runs ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from gateway.working import EVE, Bench, Gatekeeper, bench, make_tenants
from offering import Offering

import zg_core as zg
from zg_plugins_builtin.gateway.clock import SystemClock
from zg_plugins_builtin.gateway.database import Database
from zg_plugins_builtin.gateway.errors import ConflictError
from zg_plugins_builtin.gateway.identity import Principal
from zg_plugins_builtin.gateway.limits import Switch, Switches

pytestmark = pytest.mark.anyio
HOST = Principal.operator("tnt_1")
ADA = {"authorization": "Bearer ada"}
sent: list[str] = []


@zg.tool
def send(text: str) -> str:
    """Send a text."""
    sent.append(text)
    return "sent"


async def _sends(ctx: zg.Context) -> zg.Reply:
    told = await ctx.call_tool("send", {"text": "hello"})
    return zg.Reply(output=told.output or told.error)


async def _asks_twice(ctx: zg.Context) -> zg.Reply:
    await ctx.complete([zg.Message.user("one")])
    await GATE.open.wait()
    await ctx.complete([zg.Message.user("two")])
    return zg.Reply(output="twice")


GATE = Gatekeeper()


@pytest.fixture
async def service(database: Database, tmp_path: Path) -> AsyncIterator[Bench]:
    GATE.open, GATE.begun = anyio.Event(), 0
    sent.clear()
    await make_tenants(database)
    async with bench(
        database,
        tmp_path,
        Offering(send),
        gate=GATE.run,
        sender=_sends,
        twice=_asks_twice,
    ) as made:
        yield made


async def stop(service: Bench, scope: Any, target: str = "") -> Switch:
    switches = service.jobs.spending.switches
    return await switches.set(HOST, scope, target, "it went mad")


async def test_all_work_is_stopped_and_goes_on(service: Bench) -> None:
    running = (await service.post(agent="gate")).json()["job_id"]
    await service.until(running, "running")

    switch = await stop(service, "global")
    refused = [await service.post(), await service.post(who=EVE["authorization"])]
    cancelled = await service.until(running, "cancelled")
    limits = (await service.ask("GET", "/limits", headers=ADA)).json()
    await service.jobs.spending.switches.lift(HOST, switch.id)
    done = await service.done()

    assert [answer.status_code for answer in refused] == [503, 503]
    assert refused[0].headers["retry-after"] == "60"
    assert cancelled["error"]["detail"] == "stopped: it went mad"
    assert limits["stopped"] == ["it went mad"]
    assert done["state"] == "succeeded"


async def test_the_work_of_one_tenant_is_stopped_and_of_no_other(
    service: Bench,
) -> None:
    await stop(service, "tenant", "tnt_1")

    own, other = await service.post(), await service.post(who=EVE["authorization"])

    assert (own.status_code, own.json()["code"]) == (403, "forbidden")
    assert other.status_code == 200


async def test_what_waits_its_turn_waits_until_it_may_go_on(
    database: Database, tmp_path: Path
) -> None:
    await make_tenants(database)
    async with bench(database, tmp_path, working=False) as made:
        posted = (await made.post()).json()["job_id"]
        switch = await stop(made, "tenant", "tnt_1")
        async with anyio.create_task_group() as group:
            group.start_soon(made.jobs.run)
            other = (await made.post(who=EVE["authorization"])).json()["job_id"]
            await made.jobs.changed("tnt_2", other, lambda job: job.ended, 10)
            waiting = (await made.jobs.get("tnt_1", posted)).state
            await made.jobs.spending.switches.lift(HOST, switch.id)
            ended = await made.until(posted, "succeeded", "cancelled", "failed")
            group.cancel_scope.cancel()

    assert (waiting, ended["state"]) == ("queued", "succeeded")


@pytest.mark.parametrize(
    ("scope", "target"), [("agent", "gate"), ("plugin", "offering")]
)
async def test_an_agent_is_stopped_by_its_name_or_its_plugins(
    service: Bench, scope: str, target: str
) -> None:
    running = (await service.post(agent="gate")).json()["job_id"]
    await service.until(running, "running")
    agent = service.engine.host.find("agent", "gate").qualified
    target = agent.partition(":")[0] if scope == "plugin" else target

    await stop(service, scope, target)
    refused = await service.post(agent="gate")
    cancelled = await service.until(running, "cancelled")

    assert (refused.status_code, refused.json()["code"]) == (403, "agent_disabled")
    assert cancelled["state"] == "cancelled"


async def test_a_tool_is_not_called_any_more(service: Bench) -> None:
    before = await service.done(agent="sender")
    await stop(service, "tool", "send")
    posted = (await service.post(agent="sender")).json()["job_id"]
    ended = await service.until(posted, "succeeded", "cancelled", "failed")

    assert before["result"] == "sent"
    assert sent == ["hello"]
    assert ended["state"] == "cancelled" or "it went mad" in ended["result"]


async def test_an_agent_that_was_stopped_asks_no_model_any_more(
    service: Bench, database: Database
) -> None:
    """Though the one who stops it is another process, that only writes it down."""
    running = (await service.post(agent="twice")).json()["job_id"]
    await service.until(running, "running")
    elsewhere = Switches(database, SystemClock())
    await elsewhere.set(HOST, "agent", "twice", "it went mad")
    with anyio.fail_after(10):
        while not await service.jobs.spending.switches.active():
            await anyio.sleep(0.05)
    GATE.open.set()

    ended = await service.until(running, "cancelled", "succeeded", "failed")

    assert ended["state"] == "cancelled"


async def test_a_tenant_cannot_fill_what_every_call_heeds(database: Database) -> None:
    await make_tenants(database)
    switches = Switches(database, SystemClock())
    scopes = HOST.scopes - {"admin:tenants"}
    eve = replace(HOST, sub="eve", tid="tnt_2", scopes=scopes)

    made = [await switches.set(eve, "agent", f"a{n}", "x") for n in range(100)]
    with pytest.raises(ConflictError):
        await switches.set(eve, "agent", "one_more", "x")
    await switches.set(HOST, "agent", "of_all", "x")
    await switches.lift(eve, made[0].id)
    await switches.set(eve, "agent", "one_more", "x")

    assert len(await switches.list(HOST)) == len(await switches.active()) == 101


async def test_a_tenant_that_stops_much_at_once_stops_no_more_than_it_may(
    database: Database,
) -> None:
    await make_tenants(database)
    switches = Switches(database, SystemClock())
    scopes = HOST.scopes - {"admin:tenants"}
    eve = replace(HOST, sub="eve", tid="tnt_2", scopes=scopes)
    refused = []

    async def stop(number: int) -> None:
        try:
            await switches.set(eve, "agent", f"a{number}", "x")
        except ConflictError as error:
            refused.append(error)

    async with anyio.create_task_group() as group:
        for number in range(120):
            group.start_soon(stop, number)

    assert len(refused) == 20
    assert len(await switches.active()) == 100
