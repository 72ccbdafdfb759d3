"""Completions by OpenAI's own client: each is a job, and says what that gave."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import anyio
import openai
import pytest
from gateway.completing import (
    Held,
    Streaming,
    Talking,
    client,
    said,
    streamed,
)
from gateway.working import Bench, bench, make_tenants

import zg_core as zg
from zg_core.testing import call
from zg_plugins_builtin.gateway.database import Database

pytestmark = pytest.mark.anyio
SCHEMA = {
    "type": "object",
    "properties": {"colour": {"type": "string"}},
    "required": ["colour"],
    "additionalProperties": False,
}
FORMAT: Any = {"type": "json_schema", "json_schema": {"name": "c", "schema": SCHEMA}}


@pytest.fixture
async def service(database: Database, tmp_path: Path) -> AsyncGenerator[Bench, None]:
    await make_tenants(database)
    async with bench(database, tmp_path, Talking(), answers=("Good morning.",)) as made:
        yield made


# -- What a completion is --------------------------------------------------------


async def test_a_completion_is_a_job_with_its_usage(service: Bench) -> None:
    raw = await client(service).chat.completions.with_raw_response.create(
        model="talker", messages=said("Hi"), user="u-1", metadata={"team": "red"}
    )
    job_id = raw.headers["x-job-id"]
    answer = raw.parse()
    job = (await service.ask("GET", f"/job/{job_id}")).json()
    listed = (await service.ask("GET", "/jobs?metadata.team=red")).json()["data"]

    assert answer.id == f"chatcmpl-{job_id.removeprefix('job_')}"
    assert (answer.model, answer.object) == ("talker", "chat.completion")
    assert answer.choices[0].message.content == "Good morning." == job["result"]
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == job["usage"]["input_tokens"] > 0
    assert answer.usage.completion_tokens == job["usage"]["output_tokens"] > 0
    assert (job["objective"], job["agent"]) == ("Hi", "talking:talker")
    assert job["metadata"] == {"team": "red", "user": "u-1"}
    assert [one["job_id"] for one in listed] == [job_id]


async def test_what_was_said_before_is_known(
    database: Database, tmp_path: Path
) -> None:
    await make_tenants(database)
    seen: list[zg.Request] = []

    def answer(request: zg.Request) -> str:
        seen.append(request)
        return "Ada."

    async with bench(database, tmp_path, Talking(), answers=(answer,)) as service:
        earlier = [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "I am "},
                    {"type": "text", "text": "Ada."},
                ],
            },
            {"role": "assistant", "content": "Hello, Ada."},
            {"role": "developer", "content": "Be brief."},
        ]
        first = await client(service).chat.completions.create(
            model="talker", messages=[*earlier, *said("Who am I?")]
        )
        job_id = "job_" + first.id.removeprefix("chatcmpl-")
        retried = await service.ask("POST", f"/job/{job_id}/retry", json={})
        await service.until(retried.json()["job_id"], "succeeded")

    for request in seen:
        assert [(m.role, m.text) for m in request.messages] == [
            ("system", "Talk."),
            ("system", "Be brief."),
            ("user", "I am Ada."),
            ("assistant", "Hello, Ada."),
            ("user", "Who am I?"),
        ]
    assert len(seen) == 2


async def test_a_workflow_and_a_schema_answer_too(
    database: Database, tmp_path: Path
) -> None:
    await make_tenants(database)
    reply = '{"colour": "red"}'
    async with bench(database, tmp_path, Talking(), answers=(reply,)) as service:
        answer = await client(service).chat.completions.create(
            model="talker", messages=said("Which colour?"), response_format=FORMAT
        )
        content, reason = await streamed(service, response_format=FORMAT)

    assert answer.choices[0].message.content == reply == content
    assert reason == "stop"


async def test_the_same_request_is_one_job_and_one_answer(service: Bench) -> None:
    completions = client(service).chat.completions
    headers = {"Idempotency-Key": "k-1"}
    asked: Any = {"model": "talker", "messages": said("Hi"), "extra_headers": headers}
    raws = [await completions.with_raw_response.create(**asked) for _ in range(2)]
    again = {**asked, "messages": said("Something else")}
    with pytest.raises(openai.UnprocessableEntityError) as refused:
        await completions.create(**again)

    assert raws[0].text == raws[1].text
    assert [raw.headers.get("idempotent-replayed") for raw in raws] == [None, "true"]
    assert refused.value.code == "idempotency_key_reused"
    assert len((await service.ask("GET", "/jobs")).json()["data"]) == 1


async def test_a_stream_that_is_asked_for_again_says_the_same(service: Bench) -> None:
    headers = {"Idempotency-Key": "k-1"}
    texts = [await streamed(service, extra_headers=headers) for _ in range(2)]

    assert texts == [("Good morning.", "stop")] * 2
    assert len((await service.ask("GET", "/jobs")).json()["data"]) == 1


# -- Streams ---------------------------------------------------------------------


async def test_what_the_agent_writes_is_streamed_while_it_writes(
    database: Database, tmp_path: Path
) -> None:
    await make_tenants(database)
    held = Held()
    talking = Talking(model="held:any")
    async with bench(database, tmp_path, held, talking) as service:
        app = Streaming(service)
        async with anyio.create_task_group() as group:
            group.start_soon(app.ask, {"stream_options": {"include_usage": True}})
            with anyio.fail_after(10):
                await app.until("Hello, ")
            assert "good morning" not in app.text
            held.go_on.set()
        lines = app.data()

    contents = [c["delta"].get("content") for line in lines for c in line["choices"]]
    assert "".join(c for c in contents if c) == held.text
    assert lines[0]["choices"][0]["delta"]["role"] == "assistant"
    assert lines[-2]["choices"][0]["finish_reason"] == "stop"
    assert lines[-1]["choices"] == []
    assert lines[-1]["usage"]["total_tokens"] == 8
    assert all(line["usage"] is None for line in lines[:-1])
    assert app.text.endswith("data: [DONE]\n\n")


async def test_a_client_that_leaves_takes_nothing_with_it(
    database: Database, tmp_path: Path
) -> None:
    await make_tenants(database)
    held = Held()
    talking = Talking(model="held:any")
    async with bench(database, tmp_path, held, talking) as service:
        app = Streaming(service)
        async with anyio.create_task_group() as group:
            group.start_soon(app.ask, {})
            with anyio.fail_after(10):
                await app.until("Hello, ")
            group.cancel_scope.cancel()
        held.go_on.set()
        job_id = "job_" + app.data()[0]["id"].removeprefix("chatcmpl-")
        job = await service.until(job_id, "succeeded")

    assert job["result"] == held.text


async def test_what_is_said_before_a_tool_is_called_is_streamed_too(
    database: Database, tmp_path: Path
) -> None:
    await make_tenants(database)
    turns = (("Let me look.", call("look")), "There are none.")
    talking = Talking("look")
    async with bench(database, tmp_path, talking, answers=turns) as service:
        content, reason = await streamed(service)
        listed = (await service.ask("GET", "/jobs")).json()["data"]

    assert content == "Let me look.\n\nThere are none."
    assert reason == "stop"
    assert listed[0]["result"] == "There are none."


async def test_an_agent_that_does_not_talk_is_streamed_at_its_end(
    service: Bench,
) -> None:
    assert await streamed(service, model="writer") == ("Good morning.", "stop")


async def test_a_stream_that_fails_says_so_in_the_stream(service: Bench) -> None:
    with pytest.raises(openai.APIError) as failed:
        await streamed(service, model="broken")

    assert failed.value.code == "job_failed"
    assert "it went wrong" in failed.value.message
