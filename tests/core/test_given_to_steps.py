"""What a step is given is its own: nothing that it does with it changes the run."""

from __future__ import annotations

from typing import Any

import pytest
from offering import Offering

import zg_core as zg
from zg_core._codec import decode_event, encode_event, event_document
from zg_core.testing import ScriptedProvider

pytestmark = pytest.mark.anyio
SCHEMA = {"type": "object", "required": ["a"]}


def engine(*plugins: Any, **agents: Any) -> Any:
    offered = Offering(**agents)
    return zg.Engine.open(offered, *plugins, journal="memory", discover=False)


async def plan(ctx: zg.Context) -> zg.Reply:
    return zg.Reply(output={"title": "all", "parts": ["a" * 9, "b" * 9]})


async def meddle(ctx: zg.Context) -> zg.Reply:
    ctx.outputs["plan"]["parts"].append("c")
    return zg.Reply(output=ctx.outputs["plan"]["parts"])


async def look(ctx: zg.Context) -> zg.Reply:
    return zg.Reply(output=ctx.outputs["plan"]["parts"])


async def echo(ctx: zg.Context) -> zg.Reply:
    return zg.Reply(output=ctx.prompt)


async def test_an_agent_that_changes_what_it_is_given_changes_it_for_itself() -> None:
    work = zg.Workflow(
        "w",
        (
            zg.Step("plan", agent="plan"),
            zg.Step("meddle", agent="meddle", needs=("plan",)),
            zg.Step("look", agent="look", needs=("plan", "meddle")),
        ),
    )
    async with engine(plan=plan, meddle=meddle, look=look) as e:
        result = await e.run(work, "x")

    meddled, seen = result.history[1].output, result.output
    assert (len(meddled), len(seen)) == (3, 2)


async def test_an_agent_that_changes_its_schema_must_fit_it_all_the_same() -> None:
    async def clear(ctx: zg.Context) -> zg.Reply:
        assert ctx.output_schema is not None
        ctx.output_schema.clear()
        return zg.Reply(output="anything")

    schema = dict(SCHEMA)
    step = zg.Step("s", agent="clear", output_schema=schema)
    options = zg.RunOptions(model="scripted:any")
    async with engine(ScriptedProvider("no", repeat=True), clear=clear) as e:
        with pytest.raises(zg.OutputError):
            await e.run(zg.Workflow("w", (step,)), "x", options=options)

    assert schema == SCHEMA


async def test_without_a_prompt_an_item_stands_in_the_place_of_its_list() -> None:
    work = zg.Workflow(
        "w",
        (
            zg.Step("plan", agent="plan"),
            zg.Step("tone", agent="echo", prompt="Be kind."),
            zg.Step(
                "work", agent="echo", needs=("plan", "tone"), for_each="plan.parts"
            ),
        ),
    )
    async with engine(plan=plan, echo=echo) as e:
        result = await e.run(work, "Write")

    assert result.output[1] == f"Write\n\n## tone\n\nBe kind.\n\n## Item 2\n\n{'b' * 9}"


async def test_a_prompt_may_have_the_list_beside_the_item() -> None:
    prompt = "{item} of {plan} for {input}, {index}; not {other}"
    work = zg.Workflow(
        "w",
        (
            zg.Step("plan", agent="echo", prompt="both"),
            zg.Step(
                "work", agent="echo", needs=("plan",), for_each="[plan]", prompt=prompt
            ),
        ),
    )
    async with engine(echo=echo) as e:
        result = await e.run(work, "me")

    assert result.output == ["both of both for me, 0; not {other}"]


# -- How long its answer may be --------------------------------------------------------


async def test_the_length_of_a_steps_answer_is_told_its_agent_and_no_one_it_asks() -> (
    None
):
    async def ask(ctx: zg.Context) -> zg.Reply:
        asked = await ctx.run_agent("look", "look")
        return zg.Reply(output=[ctx.max_output_tokens, asked.output])

    async def tell(ctx: zg.Context) -> zg.Reply:
        return zg.Reply(output=ctx.max_output_tokens)

    steps = (
        zg.Step("free", agent="look"),
        zg.Step("bound", agent="ask", max_output_tokens=5, needs=("free",)),
        zg.Step("each", agent="look", max_output_tokens=6, for_each="[`1`, `2`]"),
    )
    async with engine(look=tell, ask=ask) as e:
        result = await e.run(zg.Workflow("w", steps), "x")

    assert {step.step: step.output for step in result.history} == {
        "free": None,
        "bound": [5, None],
        "each": [6, 6],
    }


async def test_what_an_answer_is_turned_into_is_bounded_as_well() -> None:
    model = ScriptedProvider('{"a": 1}')
    step = zg.Step("s", agent="echo", output_schema=SCHEMA, max_output_tokens=30)
    options = zg.RunOptions(model="scripted:any")
    async with engine(model, echo=echo) as e:
        await e.run(zg.Workflow("w", (step,)), "no JSON", options=options)

    assert [request.max_output_tokens for request in model.requests] == [30]


async def test_a_length_that_was_not_given_is_not_recorded() -> None:
    steps = (
        zg.Step("free", agent="echo"),
        zg.Step("bound", agent="echo", max_output_tokens=5),
    )
    journal = zg.MemoryJournal()
    async with zg.Engine.open(
        Offering(echo=echo), journal=journal, discover=False
    ) as e:
        result = await e.run(zg.Workflow("w", steps), "x")
    accepted, *_ = await journal.read(result.run_id)
    assert isinstance(accepted, zg.RunAccepted)
    free, bound = event_document(accepted)["workflow"]["steps"]

    assert accepted.workflow.steps == steps
    assert "max_output_tokens" not in free
    assert bound["max_output_tokens"] == 5
    assert decode_event(encode_event(accepted)) == accepted
