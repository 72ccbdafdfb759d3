"""The client and the service: jobs, what they give, and what they ask people."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from gateway.clients import Cutting, client_of
from gateway.test_job_questions import Deleting
from gateway.working import Bench, Gatekeeper, bench, make_tenants

from zg_plugins_builtin.client import (
    Approval,
    ApprovalDecidedError,
    ApprovalStaleError,
    AsyncClient,
    AsyncJob,
    CursorGoneError,
    Event,
    InputSchemaMismatchError,
    InsufficientScopeError,
    JobFailedError,
    JobNotCancellableError,
    JobNotTerminalError,
    NotFoundError,
    ValidationError,
    WaitTimeoutError,
)
from zg_plugins_builtin.gateway.database import Database

pytestmark = pytest.mark.anyio


@pytest.fixture
def database_url(tmp_path: Path, migrated_file: Path) -> str:
    """One kind of database is enough here."""
    path = tmp_path / "gateway.db"
    path.write_bytes(migrated_file.read_bytes())
    return f"sqlite:///{path}"


@pytest.fixture
def tool() -> Deleting:
    return Deleting()


@pytest.fixture
def gate() -> Gatekeeper:
    return Gatekeeper()


@pytest.fixture
async def service(
    database: Database, tmp_path: Path, tool: Deleting, gate: Gatekeeper
) -> AsyncGenerator[Bench, None]:
    await make_tenants(database)
    async with bench(database, tmp_path, tool, gatekeeper=gate.run) as made:
        yield made


@pytest.fixture
async def client(service: Bench) -> AsyncGenerator[AsyncClient, None]:
    async with client_of(service.app) as made:
        yield made


async def cleaning(service: Bench) -> AsyncJob:
    """Return a job of Mel's that asks to be allowed what is critical."""
    async with client_of(service.app, "mel") as mel:
        job = await mel.submit("Delete", agent="cleaner")
        return await job.wait(10, until=lambda j: j.state == "awaiting_approval")


async def asked(client: AsyncClient, job: AsyncJob) -> Approval:
    """Return what a job asks to be allowed."""
    (found,) = [one async for one in client.approvals() if one.job_id == job.job_id]
    return found


async def test_a_job_is_submitted_and_waited_for(
    client: AsyncClient, tmp_path: Path
) -> None:
    submitted = await client.submit("Say hello", agent="writer", metadata={"a": "b"})
    job = await submitted.wait(10)
    (artifact,) = await job.artifacts()
    content = await job.download(artifact)
    (path,) = await job.save_artifacts(tmp_path / "new" / "folder")
    spent = await job.spent()

    assert (submitted.ended, job.status, job.state) == (False, "completed", "succeeded")
    assert (job.result, job.progress, job.metadata) == ("Hello.", 1.0, {"a": "b"})
    assert job.created_at is not None
    assert job.completed_at is not None
    assert job.check() is job
    assert (artifact.path, content) == ("notes.txt", b"Hello.")
    assert artifact.sha256 == hashlib.sha256(content).hexdigest()
    assert path == tmp_path / "new" / "folder" / "notes.txt"
    assert path.read_bytes() == content
    assert [(one.model, one.calls) for one in spent.data] == [("scripted:any", 1)]


async def test_a_job_that_fails_says_why(client: AsyncClient) -> None:
    job = await (await client.submit("Fail", agent="broken")).wait(10)

    with pytest.raises(JobFailedError, match="it went wrong") as caught:
        job.check()

    assert (job.status, caught.value.code) == ("failed", "job_failed")


async def test_lists_are_read_page_by_page(client: AsyncClient) -> None:
    made = [
        (await client.submit(f"Say {n}", agent="writer", metadata={"k": "v"})).job_id
        for n in range(7)
    ]
    asker: Any = client._asker
    asker.pages.__globals__["_MOST_PER_PAGE"], before = 3, 100
    try:
        found = [job.job_id async for job in client.jobs(metadata={"k": "v"})]
        first = [job.job_id async for job in client.jobs(limit=4)]
        none = [job.job_id async for job in client.jobs(metadata={"k": "w"})]
    finally:
        asker.pages.__globals__["_MOST_PER_PAGE"] = before

    assert found == made[::-1]
    assert first == made[::-1][:4]
    assert none == []


async def test_a_job_is_cancelled_tried_again_and_deleted(
    client: AsyncClient, gate: Gatekeeper
) -> None:
    job = await client.submit("Wait", agent="gatekeeper")
    with pytest.raises(WaitTimeoutError):
        await job.wait(0)
    with pytest.raises(JobNotTerminalError):
        await job.delete()
    await job.cancel("not needed")
    cancelled = await job.wait(10)
    gate.open.set()
    again = await (await cancelled.retry()).wait(10)
    with pytest.raises(JobNotCancellableError):
        await again.cancel()
    await again.delete()
    with pytest.raises(NotFoundError) as caught:
        await again.refresh()

    assert (cancelled.state, cancelled.status) == ("cancelled", "failed")
    assert cancelled.error is not None
    assert cancelled.error["detail"] == "not needed"
    assert (again.parent_job_id, again.result) == (job.job_id, "through")
    assert caught.value.request_id.startswith("req_")
    assert caught.value.request_id in str(caught.value)


async def test_one_key_is_one_job(client: AsyncClient) -> None:
    first = await client.submit("Say", agent="writer", idempotency_key="k1")
    second = await client.submit("Say", agent="writer", idempotency_key="k1")
    third = await client.submit("Say", agent="writer")

    assert first.job_id == second.job_id != third.job_id


async def test_what_is_not_valid_is_said_field_by_field(client: AsyncClient) -> None:
    with pytest.raises(ValidationError) as caught:
        await client.submit("Say", priority="soon", unheard_of=1)

    assert {fault["pointer"] for fault in caught.value.faults} == {
        "/priority",
        "/unheard_of",
    }
    assert "/priority" in str(caught.value)


async def test_an_approval_is_given_for_what_was_looked_at(
    service: Bench, client: AsyncClient, tool: Deleting
) -> None:
    job = await cleaning(service)
    approval = await asked(client, job)
    other = Approval.of({**approval.raw, "args_sha256": "0" * 64})
    with pytest.raises(ApprovalStaleError):
        await client.approve(other)
    decided = await client.approve(approval, comment="it is old")
    ended = await client.wait(job.job_id, 10)
    with pytest.raises(ApprovalDecidedError):
        await client.reject(approval)

    assert approval.args == {"path": "old.txt"}
    assert (decided.state, decided.comment) == ("approved", "it is old")
    assert (ended.result, tool.deleted) == ("gone", ["old.txt"])
    assert (await client.approval(approval.approval_id)).state == "approved"


async def test_a_call_is_edited_or_refused(
    service: Bench, client: AsyncClient, tool: Deleting
) -> None:
    edited = await cleaning(service)
    edit = {"path": "new.txt"}
    await client.approve(await asked(client, edited), edited_args=edit)
    refused = await cleaning(service)
    await client.reject(await asked(client, refused), comment="no")

    assert (await client.wait(edited.job_id, 10)).status == "completed"
    assert (await client.wait(refused.job_id, 10)).ended
    assert tool.deleted == ["new.txt"]


async def test_who_may_not_decide_is_told_so(service: Bench) -> None:
    job = await cleaning(service)
    async with client_of(service.app, "mel") as mel:
        approval = await asked(mel, job)
        with pytest.raises(InsufficientScopeError):
            await mel.approve(approval)


async def test_a_question_is_answered(client: AsyncClient) -> None:
    job = await client.submit("Ask", agent="asker")
    waiting = await job.wait(10, until=lambda j: j.waits)
    (question,) = [one async for one in waiting.inputs()]
    with pytest.raises(InputSchemaMismatchError):
        await job.answer(question.interrupt_id, "green")
    await job.answer(question.interrupt_id, "blue")

    assert (question.question, question.state) == ("Which colour?", "pending")
    assert (await job.wait(10)).result == "blue"


async def test_there_is_a_catalogue(client: AsyncClient) -> None:
    agents = {agent.name for agent in await client.agents()}
    (tool,) = [tool for tool in await client.tools() if tool.name == "delete"]

    assert {"writer", "cleaner"} <= agents
    assert (await client.agent("writer")).qualified.endswith(":writer")
    assert (tool.risk, tool.requires_approval) == ("critical", True)
    with pytest.raises(NotFoundError):
        await client.agent("nobody/at/all")


@pytest.mark.parametrize("cuts", [9, pytest.param(120, marks=pytest.mark.heavy)])
async def test_a_stream_that_is_cut_anywhere_has_each_event_once(
    service: Bench, client: AsyncClient, cuts: int
) -> None:
    job = await (await client.submit("Say hello", agent="writer")).wait(10)
    whole = [event async for event in job.events()]
    stream = await service.ask(
        "GET",
        f"/job/{job.job_id}/events",
        headers={"authorization": "Bearer ada", "accept": "text/event-stream"},
    )
    size = len(stream.content)
    for first in range(0, size, max(size // cuts, 1)):
        async with client_of(service.app, cuts=(first, (size - first) // 2)) as cut:
            assert [event async for event in cut.events(job.job_id)] == whole

    assert [event.seq for event in whole] == list(range(1, len(whole) + 1))
    assert (whole[0].type, whole[-1].type) == ("job.queued", "job.completed")


async def test_a_reader_goes_on_from_where_they_were_also_after_a_break(
    service: Bench, client: AsyncClient
) -> None:
    job = await (await client.submit("Say hello", agent="writer")).wait(10)
    whole = [event async for event in job.events()]
    async with client_of(service.app, cuts=(0,)) as cut:
        rest = [event async for event in cut.events(job.job_id, after=3)]
        network: Any = cut._asker.wire.http._transport
    ended = [event async for event in job.events(after=len(whole))]

    assert isinstance(network, Cutting)
    assert [r.headers.get("last-event-id") for r in network.requests] == ["3", "3"]
    assert rest == whole[3:]
    assert ended == []


async def test_a_place_that_a_job_never_had_is_set_right(client: AsyncClient) -> None:
    job = await (await client.submit("Say hello", agent="writer")).wait(10)
    last = [event.seq async for event in client.past_events(job.job_id)][-1]

    told = [event async for event in job.events(after=999)]
    with pytest.raises(CursorGoneError) as caught:
        _ = [event async for event in client.past_events(job.job_id, after=999)]

    assert [event.type for event in told] == ["stream.reset"]
    assert told[0].data["resume_after"] == last
    assert told[0].data["snapshot"]["job_id"] == job.job_id
    assert (caught.value.status, caught.value.code) == (410, "cursor_gone")


async def test_what_was_spent_and_is_left_is_told(client: AsyncClient) -> None:
    job = await (await client.submit("Say hello", agent="writer")).wait(10)
    today = datetime.now(UTC).date()

    by_model = await client.usage_by("model", since=today - timedelta(days=1))
    by_day = await client.usage_by()
    before = await client.usage_by(
        since=today - timedelta(days=9), until=today - timedelta(days=8)
    )
    limits = await client.limits()
    with pytest.raises(ValidationError):
        await client.usage_by("tenant")

    assert [(one.key, one.calls) for one in by_model.data] == [("scripted:any", 1)]
    assert by_model.data[0].output_tokens == job.usage.output_tokens
    assert (by_day.group_by, by_day.has_more) == ("day", False)
    assert by_day.data[-1].key == by_day.end
    assert (before.start, before.data) == ((today - timedelta(days=9)).isoformat(), ())
    assert {(b.scope, b.period) for b in limits.budgets} >= {("tenant", "day")}
    assert all(budget.tokens.limit is None for budget in limits.budgets)
    assert {rate.name for rate in limits.rates} == {"read", "write", "stream"}
    assert (limits.running_jobs.used, limits.stopped) == (0, ())


async def test_two_readers_follow_a_job_while_it_goes_on(
    service: Bench, client: AsyncClient, gate: Gatekeeper
) -> None:
    job = await client.submit("Wait", agent="gatekeeper")
    told: list[list[Event]] = [[], []]

    async def read(place: int) -> None:
        async with client_of(service.app) as reader:
            told[place] = [event async for event in reader.events(job.job_id)]

    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            group.start_soon(read, 0)
            group.start_soon(read, 1)
            await job.wait(10, until=lambda j: j.state == "running")
            gate.open.set()

    assert told[0] == told[1]
    assert told[0][-1].data["result"] == "through"
