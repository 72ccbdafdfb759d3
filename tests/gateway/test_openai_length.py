"""How long an answer may be, as OpenAI's own client says it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from gateway.completing import Talking, client, said, streamed
from gateway.working import Bench, bench, make_tenants

import zg_core as zg
from zg_plugins_builtin.agents import LLMAgent
from zg_plugins_builtin.gateway.database import Database
from zg_plugins_builtin.gateway.jobs.asked import Asked, workflow_of

pytestmark = pytest.mark.anyio
WORDS = [f"w{number} " for number in range(9)]


class Writer:
    """A model that writes nine tokens, if it may; it remembers what it was asked."""

    def __init__(self) -> None:
        self.requests: list[zg.Request] = []

    def __call__(self, request: zg.Request) -> zg.Response:
        self.requests.append(request)
        most = request.max_output_tokens or len(WORDS)
        tokens = min(most, len(WORDS))
        return zg.Response(
            message=zg.Message.assistant("".join(WORDS[:tokens])),
            stop_reason="max_tokens" if most < len(WORDS) else "end",
            model=request.model,
            usage=zg.Usage(input_tokens=70, output_tokens=tokens, calls=1),
        )

    @property
    def bounds(self) -> list[int | None]:
        return [request.max_output_tokens for request in self.requests]


class Flows:
    """Offers workflows: of two steps, and of two that nobody needs."""

    def __init__(self) -> None:
        self.__name__ = "flows"

    @zg.hookimpl
    def zg_register_workflows(self) -> list[zg.WorkflowSpec]:
        first = zg.Step("first", agent="plain")
        last = zg.Step("last", agent="plain", needs=("first",), max_output_tokens=7)
        other = replace(last, name="other", max_output_tokens=3)
        return [
            zg.WorkflowSpec(name=name, workflow=zg.Workflow(name, steps))
            for name, steps in (("pair", (first, last)), ("fork", (first, last, other)))
        ]


PLAIN = LLMAgent(name="plain", instructions="Write.")


async def completed(service: Bench, **asked: Any) -> tuple[str | None, str]:
    answer = await client(service).chat.completions.create(
        **{"model": "talker", "messages": said("Hi"), **asked}
    )
    return answer.choices[0].message.content, answer.choices[0].finish_reason


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
async def test_an_answer_is_as_long_as_it_may_be(
    database: Database, tmp_path: Path, name: str
) -> None:
    await make_tenants(database)
    model = Writer()
    async with bench(database, tmp_path, Talking(), answers=(model,)) as service:
        answers = [
            await completed(service, **{name: 5}),
            await streamed(service, **{name: 5}),
        ]
        enough = [
            await completed(service, **{name: 9}),
            await streamed(service, **{name: 9}),
        ]

    assert answers == [("w0 w1 w2 w3 w4 ", "length")] * 2
    assert enough == [("".join(WORDS), "stop")] * 2
    assert model.bounds == [5, 5, 9, 9]


async def test_of_a_workflow_the_last_answer_is(
    database: Database, tmp_path: Path
) -> None:
    await make_tenants(database)
    model = Writer()
    more = {"plain": PLAIN}
    async with bench(database, tmp_path, Flows(), answers=(model,), **more) as service:
        asked: Any = {"model": "workflow:pair", "max_tokens": 5}
        answers = [await completed(service, **asked), await streamed(service, **asked)]
        own = await completed(service, model="workflow:pair", max_tokens=8)

    assert answers == [("w0 w1 w2 w3 w4 ", "length")] * 2
    assert own == ("".join(WORDS[:7]), "length")
    assert model.bounds == [None, 5, None, 5, None, 7]


async def test_of_several_that_nobody_needs_each_is(
    database: Database, tmp_path: Path
) -> None:
    async with bench(
        database, tmp_path, Flows(), working=False, plain=PLAIN
    ) as service:
        asked = Asked(objective="x", workflow="fork", max_output_tokens=5)
        workflow = workflow_of(asked, service.engine)

    assert [step.max_output_tokens for step in workflow.steps] == [None, 5, 3]


async def test_a_job_that_is_tried_again_keeps_it(
    database: Database, tmp_path: Path
) -> None:
    await make_tenants(database)
    model = Writer()
    async with bench(database, tmp_path, Talking(), answers=(model,)) as service:
        first = await client(service).chat.completions.create(
            model="talker", messages=said("Hi"), max_tokens=4, max_completion_tokens=5
        )
        job_id = "job_" + first.id.removeprefix("chatcmpl-")
        retried = await service.ask("POST", f"/job/{job_id}/retry", json={})
        job = await service.until(retried.json()["job_id"], "succeeded")

    assert job["result"] == "w0 w1 w2 w3 "
    assert model.bounds == [4, 4]


async def test_an_answer_that_its_agent_lets_be_cut_says_so_too(
    database: Database, tmp_path: Path
) -> None:
    async def short(ctx: zg.Context) -> zg.Reply:
        asked = [zg.Message.user(ctx.prompt)]
        answer = await ctx.complete(asked, max_output_tokens=2)
        await ctx.run_agent("plain", "Something else")
        return zg.Reply(output=answer.text)

    await make_tenants(database)
    agents = {"writer": short, "plain": PLAIN}
    async with bench(database, tmp_path, answers=(Writer(),), **agents) as service:
        assert await completed(service, model="writer") == ("w0 w1 ", "length")


def test_a_job_of_before_has_none() -> None:
    asked = Asked(objective="x", max_output_tokens=5)
    options = asked.options()
    row = SimpleNamespace(
        options=options,
        metadata={},
        **dict.fromkeys(("callback_url", "agent", "workflow")),
        objective="x",
        priority="normal",
    )

    assert Asked.again(row) == asked
    del options["max_output_tokens"]
    assert Asked.again(row) == replace(asked, max_output_tokens=None)
