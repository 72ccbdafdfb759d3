"""What jobs ask people: decided once, about what was shown, and told to the run."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import anyio
import pytest
from gateway.asking import ADA
from gateway.working import EVE, Bench, bench, make_tenants

import zg_core as zg
from zg_plugins_builtin.gateway.database import Database

pytestmark = pytest.mark.anyio
MEL = {"authorization": "Bearer mel"}


class Deleting:
    """A tool that must be allowed, and an agent that uses it."""

    def __init__(self) -> None:
        self.__name__ = "deleting"
        self.deleted: list[str] = []

    @zg.hookimpl
    def zg_register_tools(self) -> list[zg.ToolSpec]:
        return [
            zg.ToolSpec(
                name="delete",
                description="Delete a file.",
                factory=lambda: self,
                parameters={
                    "type": "object",
                    "properties": {"path": {"type": "string"}},
                    "required": ["path"],
                    "additionalProperties": False,
                },
                effect="once",
                risk="critical",
                requires_approval=True,
            )
        ]

    @zg.hookimpl
    def zg_register_agents(self) -> list[zg.AgentSpec]:
        return [zg.AgentSpec(name="cleaner", factory=lambda: self, tools=("delete",))]

    async def call(self, arguments: zg.JsonObject, ctx: zg.Context) -> str:
        self.deleted.append(arguments["path"])
        return "gone"

    async def run(self, ctx: zg.Context) -> zg.Reply:
        result = await ctx.call_tool("delete", {"path": "old.txt"})
        return zg.Reply(output=result.text)


@pytest.fixture
def tool() -> Deleting:
    return Deleting()


@pytest.fixture
async def service(
    database: Database, tmp_path: Path, tool: Deleting
) -> AsyncGenerator[Bench, None]:
    await make_tenants(database)
    async with bench(database, tmp_path, tool) as made:
        yield made


async def waiting(service: Bench, **more: Any) -> dict[str, Any]:
    """Submit a job that asks for an approval; return that."""
    job_id = (await service.post(agent="cleaner", **more)).json()["job_id"]
    job = await service.until(job_id, "awaiting_approval")
    assert (job["status"], job["pending"]["approvals"]) == ("processing", 1)
    listed = await service.ask("GET", "/approvals?state=pending")
    (found,) = [a for a in listed.json()["data"] if a["job_id"] == job_id]
    return dict(found)


async def decide(
    service: Bench, approval: dict[str, Any], decision: str = "approve", **more: Any
) -> Any:
    headers = more.pop("headers", ADA)
    sent = {"decision": decision, "args_sha256": approval["args_sha256"], **more}
    path = f"/approvals/{approval['approval_id']}/decision"
    return await service.ask("POST", path, json=sent, headers=headers)


async def test_what_is_approved_is_done_and_no_more(
    service: Bench, tool: Deleting
) -> None:
    approval = await waiting(service, who="Bearer mel")
    answer = await decide(service, approval, comment="go on")
    job = await service.until(approval["job_id"], "succeeded")
    shown = await service.ask("GET", f"/approvals/{approval['approval_id']}")

    assert (approval["tool"], approval["args"]) == (
        "deleting:delete",
        {"path": "old.txt"},
    )
    assert approval["risk"] == "critical"
    assert (answer.status_code, answer.json()["state"]) == (200, "approved")
    assert (job["result"], tool.deleted) == ("gone", ["old.txt"])
    assert job["pending"] == {"approvals": 0, "inputs": 0}
    assert (shown.json()["state"], shown.json()["comment"]) == ("approved", "go on")


async def test_what_is_rejected_is_not_done(service: Bench, tool: Deleting) -> None:
    approval = await waiting(service)
    await decide(service, approval, "reject", comment="keep it")
    job = await service.until(approval["job_id"], "succeeded", "failed")

    assert tool.deleted == []
    assert "keep it" in str(job["result"])


async def test_the_first_decision_holds(service: Bench, tool: Deleting) -> None:
    approval = await waiting(service, who="Bearer mel")
    answers: list[Any] = []

    async def one(decision: str) -> None:
        answers.append(await decide(service, approval, decision))

    async with anyio.create_task_group() as group:
        for decision in ("approve", "reject", "approve", "reject"):
            group.start_soon(one, decision)
    job = await service.until(approval["job_id"], "succeeded", "failed")

    taken = {a.json()["state"] for a in answers if a.status_code == 200}
    refused = [a.json()["code"] for a in answers if a.status_code != 200]
    assert len(taken) == 1
    assert refused == ["approval_decided"] * 2
    assert tool.deleted == (["old.txt"] if taken == {"approved"} else [])
    assert job["state"] == "succeeded"


async def test_another_digest_is_stale(service: Bench, tool: Deleting) -> None:
    approval = await waiting(service, who="Bearer mel")
    answer = await decide(service, {**approval, "args_sha256": "0" * 64})

    assert (answer.status_code, answer.json()["code"]) == (409, "approval_stale")
    assert tool.deleted == []


async def test_arguments_are_edited_within_the_schema(
    service: Bench, tool: Deleting
) -> None:
    approval = await waiting(service, who="Bearer mel")
    wrong = await decide(service, approval, edited_args={"file": "x"})
    right = await decide(service, approval, edited_args={"path": "new.txt"})
    await service.until(approval["job_id"], "succeeded")

    assert (wrong.status_code, right.status_code) == (422, 200)
    assert wrong.json()["errors"][0]["pointer"] == "/edited_args"
    assert tool.deleted == ["new.txt"]


async def test_nobody_allows_what_is_critical_in_a_job_of_their_own(
    service: Bench, tool: Deleting
) -> None:
    approval = await waiting(service)
    answer = await decide(service, approval)

    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert tool.deleted == []


async def test_deciding_takes_its_scope_and_its_tenant(service: Bench) -> None:
    approval = await waiting(service)
    path = f"/approvals/{approval['approval_id']}"

    assert (await decide(service, approval, headers=MEL)).status_code == 403
    assert (await decide(service, approval, headers=EVE)).status_code == 404
    assert (await service.ask("GET", path, headers=EVE)).status_code == 404
    listed = await service.ask("GET", "/approvals", headers=EVE)
    assert listed.json()["data"] == []


async def test_a_cancelled_job_waits_for_nobody(service: Bench) -> None:
    approval = await waiting(service)
    stopped = await service.ask("POST", f"/job/{approval['job_id']}/cancel")
    late = await decide(service, approval)

    assert (stopped.status_code, stopped.json()["state"]) == (200, "cancelled")
    assert late.json()["code"] == "approval_stale"


async def test_a_job_gets_the_answer_it_asks_for(service: Bench) -> None:
    job_id = (await service.post(agent="asker")).json()["job_id"]
    job = await service.until(job_id, "awaiting_input")
    path = f"/job/{job_id}"
    (asked,) = (await service.ask("GET", f"{path}/inputs")).json()["data"]
    given = {"interrupt_id": asked["interrupt_id"]}
    wrong = await service.ask("POST", f"{path}/input", json={**given, "payload": "x"})
    right = await service.ask("POST", f"{path}/input", json={**given, "payload": "red"})
    again = await service.ask("POST", f"{path}/input", json={**given, "payload": "red"})
    other = await service.ask(
        "POST", f"{path}/input", json={**given, "payload": "blue"}
    )
    done = await service.until(job_id, "succeeded")

    assert job["pending"]["inputs"] == 1
    assert (asked["question"], asked["state"]) == ("Which colour?", "pending")
    assert wrong.json()["code"] == "input_schema_mismatch"
    assert (right.status_code, again.status_code, other.status_code) == (202, 202, 409)
    assert done["result"] == "red"
