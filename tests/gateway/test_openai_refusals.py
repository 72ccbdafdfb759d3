"""What OpenAI's own client is refused, and in which words."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import anyio
import openai
import pytest
from gateway.asking import ask
from gateway.completing import (
    Talking,
    client,
    patience,
    said,
    streamed,
)
from gateway.test_job_questions import Deleting
from gateway.working import EVE, MANY, Bench, Gatekeeper, bench, make_tenants

import zg_core as zg
from zg_plugins_builtin.gateway.database import Database
from zg_plugins_builtin.gateway.http.rates import Rate, RateLimits

pytestmark = pytest.mark.anyio


@pytest.fixture
async def service(database: Database, tmp_path: Path) -> AsyncGenerator[Bench, None]:
    await make_tenants(database)
    async with bench(database, tmp_path, Talking(), answers=("Good morning.",)) as made:
        yield made


# -- What is refused -------------------------------------------------------------

TOOL = {"type": "function", "function": {"name": "f", "parameters": {}}}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "two choices": ({"n": 2}, "n", "unsupported_parameter"),
    "tools": ({"tools": [TOOL]}, "tools", "unsupported_parameter"),
    "functions": ({"functions": [{"name": "f"}]}, "functions", "unsupported_parameter"),
    "a stop": ({"stop": ["\n"]}, "stop", "unsupported_parameter"),
    "logprobs": ({"logprobs": True}, "logprobs", "unsupported_parameter"),
    "sound": ({"modalities": ["audio"]}, "modalities", "unsupported_parameter"),
    "a picture": (
        {"messages": [{"role": "user", "content": [IMAGE]}]},
        "messages[0].content[0]",
        "unsupported_content",
    ),
    "a tool's result": (
        {"messages": [{"role": "tool", "content": "1", "tool_call_id": "x"}]},
        "messages[0].role",
        "enum",
    ),
    "no user at the end": (
        {"messages": [{"role": "assistant", "content": "x"}]},
        "messages",
        "invalid",
    ),
    "nothing said": ({"messages": said(" ")}, "messages[0].content", "too_short"),
    "too much said": (
        {"messages": said("x" * 100_001)},
        "messages[0].content",
        "too_long",
    ),
    "no messages": ({"messages": []}, "messages", "too_short"),
    "no schema": (
        {"response_format": {"type": "json_schema"}},
        "response_format.json_schema",
        "required",
    ),
    "a control character": (
        {"messages": said("a\x00b")},
        "messages[0].content",
        "pattern",
    ),
}


@pytest.mark.parametrize("stream", [False, True])
async def test_what_is_not_done_here_is_refused_by_name(
    service: Bench, stream: bool
) -> None:
    for what, (more, param, code) in REFUSED.items():
        asked: Any = {"model": "talker", "messages": said("Hi"), **more}
        with pytest.raises(openai.BadRequestError) as refused:
            await client(service).chat.completions.create(stream=stream, **asked)

        assert (refused.value.param, refused.value.code) == (param, code), what
        assert refused.value.type == "invalid_request_error"
    assert (await service.ask("GET", "/jobs")).json()["data"] == []


async def test_what_is_new_or_the_agents_to_decide_is_not_looked_at(
    service: Bench,
) -> None:
    answer = await client(service).chat.completions.create(
        model="talker",
        messages=[{"role": "user", "content": "Hi", "name": "ada"}],
        temperature=0.2,
        seed=7,
        n=1,
        tools=[],
        stop=None,
        extra_body={"invented_tomorrow": {"deep": [1]}},
    )

    assert answer.choices[0].message.content == "Good morning."


async def test_a_body_that_cannot_be_read_is_refused_in_their_words(
    service: Bench,
) -> None:
    headers = {"authorization": "Bearer ada", "content-type": "application/json"}
    path = "/v1/chat/completions"
    for body in (b"{", b"[]", b'{"model":"\\ud800"}', b'{"n":1,"n":2}', b"\xff", b""):
        answer = await ask(service.app, "POST", path, headers=headers, content=body)

        assert answer.status_code == 400, body
        assert answer.headers["content-type"] == "application/json"
        assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    for method, there in (("GET", path), ("POST", "/v1/models"), ("GET", "/v1/none")):
        answer = await ask(service.app, method, there, headers=headers)

        assert answer.status_code in (404, 405)
        assert answer.json()["error"]["type"] == "invalid_request_error"


# -- Who may, and how much -------------------------------------------------------


async def test_a_model_that_there_is_not_is_not_found(service: Bench) -> None:
    for name in ("gpt-4o", "workflow:none", "talker:x"):
        with pytest.raises(openai.NotFoundError) as missing:
            await client(service).chat.completions.create(
                model=name, messages=said("Hi")
            )

        assert missing.value.code == "model_not_found"


async def test_models_are_the_agents_and_workflows_that_there_are(
    service: Bench,
) -> None:
    models = [model.id async for model in client(service).models.list()]
    agents = (await service.ask("GET", "/agents")).json()["data"]
    host = service.engine.host

    assert models == [
        *(agent["name"] for agent in agents),
        *(f"workflow:{offer.name}" for offer in host.all("workflow")),
    ]
    for model in models:
        assert (await client(service).models.retrieve(model)).id == model


async def test_who_lacks_a_scope_or_is_nobody_is_refused(service: Bench) -> None:
    with pytest.raises(openai.AuthenticationError) as unknown:
        await client(service, "nobody").models.list()
    with pytest.raises(openai.PermissionDeniedError) as lacking:
        await client(service, "mel").models.list()

    assert unknown.value.code == "unauthenticated"
    assert lacking.value.code == "insufficient_scope"


async def test_another_tenant_sees_nothing_of_it(service: Bench) -> None:
    headers = {"Idempotency-Key": "k-1"}
    raws = [
        await client(service, who).chat.completions.with_raw_response.create(
            model="talker", messages=said(f"I am {who}"), extra_headers=headers
        )
        for who in ("ada", "eve")
    ]
    first, second = (raw.headers["x-job-id"] for raw in raws)

    assert first != second
    answer = await service.ask("GET", f"/job/{first}", headers=EVE)
    assert answer.status_code == 404


async def test_who_asks_too_often_is_told_when_to_ask_again(service: Bench) -> None:
    once = [r if r.name != "write" else Rate("write", 1, 60) for r in MANY]
    object.__setattr__(service.services, "limits", RateLimits(once))
    asking = client(service).chat.completions
    await asking.create(model="talker", messages=said("Hi"))
    with pytest.raises(openai.RateLimitError) as limited:
        await asking.create(model="talker", messages=said("Hi"))

    assert int(limited.value.response.headers["retry-after"]) > 0
    assert limited.value.code == "quota_exceeded"
    assert len((await service.ask("GET", "/jobs")).json()["data"]) == 1


async def test_a_job_that_may_spend_no_more_is_an_error(
    database: Database, tmp_path: Path
) -> None:
    await make_tenants(database)
    async with bench(database, tmp_path, writer=_spends) as service:
        with pytest.raises(openai.RateLimitError) as whole:
            await client(service).chat.completions.create(
                model="writer", messages=said("Hi"), max_tokens=5
            )
        with pytest.raises(openai.APIError) as stream:
            await streamed(service, model="writer", max_tokens=5)

    assert whole.value.code == stream.value.code == "budget_exhausted"


async def _spends(ctx: zg.Context) -> zg.Reply:
    raise zg.LimitError("all of it is spent", "allow more", limit="tokens")


# -- What takes longer -----------------------------------------------------------


async def test_a_job_that_takes_too_long_can_be_read_later(
    database: Database, tmp_path: Path
) -> None:
    await make_tenants(database)
    gate = Gatekeeper()
    async with bench(database, tmp_path, writer=gate) as service:
        patience(service, answer_seconds=0.2)
        with pytest.raises(openai.InternalServerError) as late:
            await client(service, max_retries=2).chat.completions.create(
                model="writer", messages=said("Hi")
            )
        job_id = late.value.response.headers["x-job-id"]
        gate.open.set()
        job = await service.until(job_id, "succeeded")

    assert (late.value.status_code, late.value.code) == (504, "job_not_done")
    assert job_id in late.value.message
    assert job["result"] == "through"
    assert gate.begun == 1  # the client did not have it made again


async def test_a_job_that_waits_for_a_person_says_for_what(
    database: Database, tmp_path: Path
) -> None:
    await make_tenants(database)
    async with bench(database, tmp_path, Deleting()) as service:
        patience(service, question_seconds=0.1)
        waits = []
        for model in ("cleaner", "asker"):
            with pytest.raises(openai.ConflictError) as waiting:
                await client(service, max_retries=2).chat.completions.create(
                    model=model, messages=said("Go")
                )
            waits.append(waiting.value)
        with pytest.raises(openai.APIError) as streaming:
            await streamed(service, model="cleaner")
        approvals = (await service.ask("GET", "/approvals")).json()["data"]

    bodies: list[Any] = [error.body for error in waits]
    assert [error.code for error in waits] == ["job_waits", "job_waits"]
    assert bodies[0]["approval_id"] == approvals[0]["approval_id"]
    assert bodies[0]["job_id"] == approvals[0]["job_id"]
    assert bodies[1]["interrupt_id"].startswith("inp_")
    assert streaming.value.code == "job_waits"


async def test_a_person_who_says_it_in_time_lets_the_answer_come(
    service: Bench,
) -> None:
    answers: list[Any] = []

    async def wait() -> None:
        messages = said("Which?")
        asking = client(service).chat.completions
        answers.append(await asking.create(model="asker", messages=messages))

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        with anyio.fail_after(10):
            while not (jobs := (await service.ask("GET", "/jobs")).json()["data"]):
                await anyio.sleep(0.02)
        job_id = jobs[0]["job_id"]
        await service.until(job_id, "awaiting_input")
        (question,), _ = await service.jobs.questions("tnt_1", kind="input", limit=1)
        given = {"interrupt_id": question.id, "payload": "red"}
        answer = await service.ask("POST", f"/job/{job_id}/input", json=given)
        assert answer.status_code == 202

    assert answers[0].choices[0].message.content == "red"


async def test_completions_end_with_the_service_and_jobs_do_not(
    database: Database, tmp_path: Path
) -> None:
    await make_tenants(database)
    async with bench(database, tmp_path, writer=Gatekeeper()) as service:
        service.services.stopping.begin()
        with pytest.raises(openai.InternalServerError) as whole:
            await client(service).chat.completions.create(
                model="writer", messages=said("Hi")
            )
        with pytest.raises(openai.APIError) as stream:
            await streamed(service, model="writer")

    assert (whole.value.status_code, whole.value.code) == (503, "job_interrupted")
    assert stream.value.code == "job_interrupted"


async def test_a_job_that_gives_nothing_is_no_answer_and_is_not_made_again(
    service: Bench,
) -> None:
    with pytest.raises(openai.InternalServerError) as failed:
        await client(service, max_retries=2).chat.completions.create(
            model="broken", messages=said("Hi")
        )

    assert (failed.value.status_code, failed.value.code) == (502, "job_failed")
    assert "it went wrong" in failed.value.message
    assert len((await service.ask("GET", "/jobs")).json()["data"]) == 1
