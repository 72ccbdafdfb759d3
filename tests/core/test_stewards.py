"""Stewards: asked before each call, and told of each what it took, whatever happens."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

import pytest
from offering import Offering, flow

import zg_core as zg
from zg_core.testing import ScriptedProvider

pytestmark = pytest.mark.anyio
ANSWER = zg.Response(
    message=zg.Message.assistant("Hm."),
    usage=zg.Usage(calls=1, input_tokens=3, output_tokens=2),
)


class Purse:
    """A steward that writes down what it is asked and told."""

    def __init__(self, *, limited: bool = False, refuse: bool = False) -> None:
        self.limited, self.refuse = limited, refuse
        self.asked: list[zg.Expense] = []
        self.told: list[zg.Expense | None] = []
        self.stopped: str | None = None

    async def reserve(self, most: zg.Expense) -> zg.Reserved:
        self.asked.append(most)
        if self.refuse:
            raise zg.LimitError("nothing is left", limit="tokens")
        return zg.Reserved(str(len(self.asked)), self.limited)

    async def settle(self, reserved: zg.Reserved, did: zg.Expense | None) -> None:
        self.told.append(did)

    async def permit(self, tool: str) -> str | None:
        return self.stopped


@zg.tool
def act() -> str:
    """Act."""
    return "acted"


async def worker(ctx: zg.Context) -> zg.Reply:
    await ctx.complete([zg.Message.user("hello")])
    told = await ctx.call_tool("act", {})
    return zg.Reply(output=told.output or told.error)


async def done(purse: Purse, model: ScriptedProvider) -> Any:
    """Do a run with a steward; return its output, or the error it ends with."""
    async with zg.Engine.open(
        model,
        Offering(act, worker=worker),
        config=zg.Config(model="scripted:any"),
        journal=zg.MemoryJournal(),
        discover=False,
    ) as engine:
        run_id = await engine.accept(flow("worker"), "x")
        try:
            async with aclosing(engine.stream_run(run_id, steward=purse)) as events:
                async for _ in events:
                    pass
        except zg.ZeroGravityError as error:
            return error
        return (await engine.result(run_id)).output


async def test_it_is_told_what_each_call_took() -> None:
    purse, model = Purse(), ScriptedProvider(ANSWER)

    assert await done(purse, model) == "acted"

    (most,), (did,) = purse.asked, purse.told
    assert did is not None
    assert (most.model, most.step) == ("scripted:any", "worker")
    assert most.agent.endswith(":worker")
    assert most.tokens >= did.tokens == 5
    assert (most.cost_nanos, did.cost_nanos) == (0, 0)


@pytest.mark.parametrize("limited", [True, False])
async def test_an_answer_is_cut_only_where_something_is_limited(limited: bool) -> None:
    purse, model = Purse(limited=limited), ScriptedProvider(ANSWER)

    await done(purse, model)

    (most,) = purse.asked
    (request,) = model.requests
    assert request.max_output_tokens == (most.output_tokens if limited else None)


async def test_what_it_refuses_is_not_asked_and_not_settled() -> None:
    purse, model = Purse(refuse=True), ScriptedProvider(ANSWER)

    error = await done(purse, model)

    assert isinstance(error, zg.LimitError)
    assert (model.requests, purse.told) == ([], [])


async def test_a_call_that_nobody_knows_the_cost_of_counts_as_the_most() -> None:
    late = zg.ProviderTimeoutError("it took too long", "ask again")
    purse, model = Purse(), ScriptedProvider(late, ANSWER)

    await done(purse, model)

    lost, did = purse.told
    assert did is not None
    assert (lost, did.tokens) == (purse.asked[0], 5)


async def test_a_tool_that_it_does_not_permit_is_not_called() -> None:
    purse, model = Purse(), ScriptedProvider(ANSWER)
    purse.stopped = "it was stopped"

    assert await done(purse, model) == "it was stopped"
