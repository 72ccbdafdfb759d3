"""Steps that are done for each item of a list, and steps that are left out.

One file, since both are what a step does with the outputs that it is given.
"""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from offering import Offering, ask, say

import zg_core as zg
from zg_core.testing import ScriptedProvider

pytestmark = pytest.mark.anyio
OPTIONS = zg.RunOptions(model="scripted:any")


def listing(items: Any) -> Any:
    """Make an agent that always gives the same."""

    async def run(ctx: zg.Context) -> zg.Reply:
        return zg.Reply(output=items)

    return run


def each(for_each: str = "plan", **options: Any) -> zg.Workflow:
    """Make a workflow that plans, and does something for each item of the plan."""
    options = {"prompt": "{index}: {item}", **options}
    work = zg.Step("work", agent="work", needs=("plan",), for_each=for_each, **options)
    return zg.Workflow("w", (zg.Step("plan", agent="plan"), work))


async def echo(ctx: zg.Context) -> zg.Reply:
    return zg.Reply(output=ctx.prompt.upper())


def engine(**agents: Any) -> Any:
    plugin = Offering(**{"plan": listing(["a", "b", "c"]), "work": echo, **agents})
    return zg.Engine.open(plugin, journal="memory", discover=False)


async def test_a_step_is_done_for_each_item_and_gives_the_list() -> None:
    async with engine() as e:
        result = await e.run(each(), "x", run_id="r1")
        events = await e.journal.read("r1")

    assert result.output == ["0: A", "1: B", "2: C"]
    expanded = [e for e in events if isinstance(e, zg.StepExpanded)]
    assert [(e.step, e.items) for e in expanded] == [("work", ("a", "b", "c"))]
    parts = result.history[1].parts
    assert [(p.path, p.status) for p in parts] == [
        (f"work[{index}]", "finished") for index in range(3)
    ]


async def test_an_expression_chooses_the_items() -> None:
    parts = [{"name": "a", "hard": True}, {"name": "b"}, {"name": "c", "hard": True}]
    async with engine(plan=listing({"parts": parts})) as e:
        result = await e.run(each("plan.parts[?hard].name"), "x")

    assert result.output == ["0: A", "1: C"]


async def test_an_item_without_a_prompt_is_told_last() -> None:
    async with engine(plan=listing([{"page": "home"}])) as e:
        result = await e.run(each(prompt=""), "x")

    assert result.output[0].endswith('## ITEM 1\n\n{\n  "PAGE": "HOME"\n}')


async def test_an_empty_list_is_done_at_once() -> None:
    async with engine(plan=listing([])) as e:
        result = await e.run(each(), "x")

    assert (result.status, result.output) == ("completed", [])


async def test_no_more_items_are_under_way_than_may_be() -> None:
    now = most = 0

    async def work(ctx: zg.Context) -> zg.Reply:
        nonlocal now, most
        now += 1
        most = max(most, now)
        for _ in range(5):
            await anyio.lowlevel.checkpoint()
        now -= 1
        return zg.Reply(output=ctx.step)

    async with engine(plan=listing(list(range(20))), work=work) as e:
        result = await e.run(each(parallel=4), "x")

    assert most == 4
    assert result.output == [f"work[{index}]" for index in range(20)]


def failing_at(*bad: str, seen: list[str] | None = None) -> Any:
    """Make an agent that fails for some items, the first time that it sees them."""
    left = list(bad)

    async def work(ctx: zg.Context) -> zg.Reply:
        if seen is not None:
            seen.append(ctx.prompt)
        if ctx.prompt in left:
            left.remove(ctx.prompt)
            raise zg.RunError(f"{ctx.prompt} cannot be done", "try again")
        return zg.Reply(output=ctx.prompt)

    return work


async def test_an_item_that_fails_stops_no_other_and_only_it_is_done_again() -> None:
    seen: list[str] = []
    async with engine(work=failing_at("1: b", seen=seen)) as e:
        with pytest.raises(zg.RunError, match="1: b cannot be done"):
            await e.run(each(), "x", run_id="r1")
        failed = await e.result("r1")
        result = await e.resume("r1")
        events = await e.journal.read("r1")

    assert seen == ["0: a", "1: b", "2: c", "1: b"]
    assert [p.status for p in failed.history[1].parts] == [
        *("finished", "failed", "finished"),
    ]
    assert (result.status, result.output) == ("completed", ["0: a", "1: b", "2: c"])
    assert sum(isinstance(e, zg.StepExpanded) for e in events) == 1


class OddError(zg.RunError):
    """An error of a plugin's own, which is made of something else than a cause."""

    def __init__(self, amount: int, currency: str) -> None:
        super().__init__(f"{amount} {currency} are missing", "pay")
        self.amount = amount


async def test_the_item_that_failed_is_named_whatever_kind_of_error_it_was() -> None:
    async def work(ctx: zg.Context) -> zg.Reply:
        raise OddError(3, "USD")

    async with engine(work=work) as e:
        with pytest.raises(OddError) as caught:
            await e.run(each(), "x")

    assert caught.value.cause == "3 of 3 items, as work[0]: 3 USD are missing"
    assert (caught.value.remedy, caught.value.amount) == ("pay", 3)
    assert isinstance(caught.value.__cause__, OddError)


@pytest.mark.parametrize("on_error", ["skip", "fallback"])
async def test_a_missing_item_leaves_a_gap_and_a_mark(on_error: zg.OnError) -> None:
    async with engine(work=failing_at("1: b", "2: c")) as e:
        result = await e.run(each(on_error=on_error), "x")

    assert result.status == "degraded"
    work = result.history[1]
    assert work.status == "degraded"
    assert work.error is not None
    assert work.error.cause == "2 of 3 items, as work[1]: 1: b cannot be done"
    first, second, _ = result.output
    assert first == "0: a"
    if on_error == "skip":
        assert second is None
    else:
        assert second["failed"].startswith("1: b cannot be done")


async def test_the_list_of_a_resumed_run_is_the_recorded_one() -> None:
    """Nothing is evaluated again: the step before it is not asked, and not trusted."""
    seen: list[str] = []
    async with engine(work=failing_at("2: c", seen=seen)) as e:
        with pytest.raises(zg.RunError):
            await e.run(each(parallel=1), "x", run_id="r1")
        state = await e.result("r1")
        result = await e.resume("r1")

    assert len(state.history[1].parts) == 3
    assert result.output == ["0: a", "1: b", "2: c"]
    assert seen == ["0: a", "1: b", "2: c", "2: c"]


async def test_models_are_asked_once_for_each_item_however_often_it_is_resumed() -> (
    None
):
    model = ScriptedProvider(lambda r: r.messages[-1].text, repeat=True)
    stopped = 0

    async def work(ctx: zg.Context) -> zg.Reply:
        nonlocal stopped
        answer = await ctx.complete([zg.Message.user(ctx.prompt)])
        if answer.text == "1: b" and stopped < 2:
            stopped += 1
            raise zg.RunError("the power went out", "try again")
        return zg.Reply(output=answer.text)

    plugin = Offering(plan=listing(["a", "b", "c"]), work=work)
    async with zg.Engine.open(plugin, model, journal="memory", discover=False) as e:
        with pytest.raises(zg.RunError):
            await e.run(each(), "x", run_id="r1", options=OPTIONS)
        with pytest.raises(zg.RunError):
            await e.resume("r1")
        result = await e.resume("r1")

    assert result.output == ["0: a", "1: b", "2: c"]
    assert sorted(r.messages[-1].text for r in model.requests) == result.output
    assert result.usage.calls == 3
    assert [part.usage.calls for part in result.history[1].parts] == [1, 1, 1]


async def test_items_of_each_round_are_done_anew() -> None:
    rounds = 0

    async def plan(ctx: zg.Context) -> zg.Reply:
        nonlocal rounds
        rounds += 1
        return zg.Reply(output=["a"] * rounds)

    steps = (
        zg.Step("plan", agent="plan"),
        zg.Step(
            "work", agent="work", needs=("plan",), for_each="plan", prompt="{item}"
        ),
        zg.Step(
            "judge",
            agent="judge",
            needs=("work",),
            repeat=zg.Repeat(until="length(work) == `3`", back_to="plan"),
        ),
    )
    async with engine(plan=plan, judge=say("judged")) as e:
        result = await e.run(zg.Workflow("w", steps), "x")

    assert result.status == "completed"
    assert [p.path for p in result.history[1].parts] == [
        *("work[0]", "work@2[0]", "work@2[1]"),
        *("work@3[0]", "work@3[1]", "work@3[2]"),
    ]


async def test_a_list_and_a_loop_may_be_one_step() -> None:
    step = zg.Step(
        "work",
        agent="work",
        for_each="[round, `9`]",
        prompt="{item}",
        repeat=zg.Repeat(until="output[0] == '2'"),
    )
    async with engine() as e:
        result = await e.run(zg.Workflow("w", (step,)), "x")

    assert result.output == ["2", "9"]
    assert [p.path for p in result.history[0].parts] == [
        *("work[0]", "work[1]", "work@2[0]", "work@2[1]"),
    ]


# -- Bad lists -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plan", "for_each", "why"),
    [
        ("a text", "plan", "gives a text, which is no list"),
        ({"a": 1}, "plan", "gives an object, which is no list"),
        ({"a": 1}, "plan.pages", "gives nothing, which is no list"),
        ([0] * 101, "plan", "gives 101 items; 100 is most"),
        (["a"], "sum(plan)", r"cannot be evaluated: sum\(\) takes array-number"),
        (["a"], "[&plan]", "gives an item that is no JSON value"),
    ],
)
async def test_what_is_no_list_or_too_long_fails_the_step(
    plan: Any, for_each: str, why: str
) -> None:
    async with engine(plan=listing(plan)) as e:
        with pytest.raises(zg.WorkflowError, match=f"'for_each' of step 'work' {why}"):
            await e.run(each(for_each), "x", run_id="r1")
        result = await e.result("r1")

    assert (result.status, result.history[1].status) == ("failed", "failed")


async def test_a_failure_before_any_item_is_as_on_error_says() -> None:
    async with engine(plan=listing("no list")) as e:
        result = await e.run(each(on_error="skip"), "x")

    assert (result.status, result.history[1].status) == ("degraded", "skipped")


# -- Left out ------------------------------------------------------------------------


def choosing(when: str, **options: Any) -> zg.Workflow:
    return zg.Workflow(
        "w",
        (
            zg.Step("look", agent="look"),
            zg.Step("mend", agent="mend", needs=("look",), when=when, **options),
            zg.Step("tell", agent="tell", needs=("look", "mend"), prompt="<{mend}>"),
        ),
    )


def chooser(found: Any) -> Any:
    plugin = Offering(look=listing(found), mend=say("mended"), tell=echo)
    return zg.Engine.open(plugin, journal="memory", discover=False)


async def test_a_step_whose_condition_holds_is_done() -> None:
    async with chooser({"broken": True}) as e:
        result = await e.run(choosing("look.broken"), "x")

    assert (result.status, result.output) == ("completed", "<MENDED>")


async def test_one_whose_condition_does_not_is_skipped_and_the_run_is_whole() -> None:
    async with chooser({"broken": False}) as e:
        result = await e.run(choosing("look.broken"), "x", run_id="r1")
        events = await e.journal.read("r1")

    assert (result.status, result.output) == ("completed", "<>")
    skipped = [e for e in events if isinstance(e, zg.StepSkipped)]
    assert [(e.step, e.reason, e.error) for e in skipped] == [
        ("mend", "look.broken does not hold", None)
    ]
    assert "mend" not in [e.step for e in events if isinstance(e, zg.StepStarted)]


@pytest.mark.parametrize("empty", [None, False, "", [], {}])
async def test_what_is_empty_does_not_hold(empty: Any) -> None:
    async with chooser({"broken": empty}) as e:
        result = await e.run(choosing("look.broken"), "x")

    assert result.history[1].status == "skipped"


async def test_nought_holds_as_jmespath_has_it() -> None:
    async with chooser({"broken": 0}) as e:
        result = await e.run(choosing("look.broken"), "x")

    assert result.history[1].status == "finished"


async def test_what_was_skipped_is_null_for_others() -> None:
    steps = (
        zg.Step("look", agent="look"),
        zg.Step("mend", agent="mend", needs=("look",), when="look.broken"),
        zg.Step("tell", agent="tell", needs=("mend",), when="mend == `null`"),
    )
    async with chooser({}) as e:
        result = await e.run(zg.Workflow("w", steps), "x")

    assert [s.status for s in result.history] == ["finished", "skipped", "finished"]


@pytest.mark.parametrize(
    ("on_error", "status"), [("skip", "skipped"), ("fallback", "degraded")]
)
async def test_a_condition_that_cannot_be_evaluated_is_a_failure_of_its_step(
    on_error: zg.OnError, status: str
) -> None:
    async with chooser({"broken": 3}) as e:
        work = choosing("length(look.broken) > `0`")
        with pytest.raises(zg.WorkflowError, match="'when' of step 'mend' cannot be"):
            await e.run(work, "x")
        work = choosing("length(look.broken) > `0`", on_error=on_error)
        result = await e.run(work, "x")

    assert (result.status, result.history[1].status) == ("degraded", status)


# -- Tools and schemas ---------------------------------------------------------------

SCHEMA: Any = {
    "type": "object",
    "required": ["title"],
    "properties": {"title": {"type": "string", "maxLength": 40}},
    "additionalProperties": False,
}


def fitting(agent: Any, model: Any, **options: Any) -> Any:
    step = zg.Step("a", agent="a", output_schema=SCHEMA, **options)
    engine = zg.Engine.open(Offering(a=agent), model, journal="memory", discover=False)
    return engine, zg.Workflow("w", (step,))


@pytest.mark.parametrize("said", [{"title": "x"}, '{"title": "x"}'])
async def test_an_output_that_fits_is_taken_as_it_is(said: Any) -> None:
    model = ScriptedProvider()
    opened, work = fitting(listing(said), model)
    async with opened as e:
        result = await e.run(work, "x", options=OPTIONS)

    assert result.output == {"title": "x"}
    assert not model.requests


async def test_one_that_does_not_is_turned_into_what_does() -> None:
    model = ScriptedProvider('{"name": "x"}', '{"title": "x"}')
    opened, work = fitting(say("A title: x"), model)
    async with opened as e:
        result = await e.run(work, "x", run_id="r1", options=OPTIONS)
        events = await e.journal.read("r1")

    assert result.output == {"title": "x"}
    first = model.requests[0]
    assert first.messages[-1].text.endswith("\n\nA title: x")
    assert first.output_schema == SCHEMA
    assert sum(isinstance(e, zg.ModelAnswered) for e in events) == 2


async def test_one_that_fits_after_no_asking_fails_the_step() -> None:
    model = ScriptedProvider("no JSON", repeat=True)
    opened, work = fitting(say("A title: x"), model)
    async with opened as e:
        with pytest.raises(zg.OutputError, match="output of step 'a' does not fit its"):
            await e.run(work, "x", options=OPTIONS)
    assert len(model.requests) == 3

    opened, work = fitting(say("A title: x"), model, on_error="skip")
    async with opened as e:
        result = await e.run(work, "x", options=OPTIONS)
    assert (result.status, result.history[0].status) == ("degraded", "skipped")


async def test_without_a_model_the_output_itself_is_the_problem() -> None:
    opened, work = fitting(say("A title: x"), ScriptedProvider())
    async with opened as e:
        with pytest.raises(zg.OutputError, match="not fit its schema: 'A title"):
            await e.run(work, "x")


async def test_what_was_turned_is_not_turned_again_when_the_run_is_resumed() -> None:
    model = ScriptedProvider('{"title": "x"}')
    broken = [True]

    async def after(ctx: zg.Context) -> zg.Reply:
        if broken.pop():
            raise zg.RunError("the power went out", "try again")
        return zg.Reply(output=ctx.outputs["a"])

    async def first(ctx: zg.Context) -> zg.Reply:
        return zg.Reply(output="A title: x")

    steps = (
        zg.Step("a", agent="a", output_schema=SCHEMA),
        zg.Step("b", agent="b", needs=("a",)),
    )
    broken = [False, True]
    plugin = Offering(a=first, b=after)
    async with zg.Engine.open(plugin, model, journal="memory", discover=False) as e:
        with pytest.raises(zg.RunError, match="power"):
            await e.run(zg.Workflow("w", steps), "x", run_id="r1", options=OPTIONS)
        result = await e.resume("r1")

    assert result.output == {"title": "x"}
    assert len(model.requests) == 1


async def test_each_item_must_fit() -> None:
    model = ScriptedProvider(
        lambda r: f'{{"title": "{r.messages[-1].text[-1]}"}}', repeat=True
    )
    work = each(output_schema=SCHEMA, prompt="{item}")
    plugin = Offering(plan=listing(["a", "b"]), work=echo)
    async with zg.Engine.open(plugin, model, journal="memory", discover=False) as e:
        result = await e.run(work, "x", options=OPTIONS)

    assert result.output == [{"title": "A"}, {"title": "B"}]


async def test_an_agent_is_told_what_the_workflow_gives_it() -> None:
    seen: list[Any] = []

    @zg.tool
    def peek(path: str) -> str:
        """Look."""
        return path

    async def agent(ctx: zg.Context) -> zg.Reply:
        seen.append((ctx.tools, ctx.output_schema))
        return zg.Reply(output={"title": "x"})

    steps = (
        zg.Step("a", agent="a"),
        zg.Step("b", agent="a", tools=("peek",), output_schema=SCHEMA),
    )
    async with zg.Engine.open(
        Offering(peek, a=agent), journal="memory", discover=False
    ) as e:
        await e.run(zg.Workflow("w", steps), "x")

    assert seen == [(None, None), (("peek",), SCHEMA)]


async def test_a_tool_that_there_is_not_is_refused_before_anything_is_done() -> None:
    step = zg.Step("a", agent="a", tools=("no-such",))
    async with zg.Engine.open(Offering(a=ask()), journal="memory", discover=False) as e:
        with pytest.raises(zg.UnknownNameError, match="no-such"):
            await e.run(zg.Workflow("w", (step,)), "x", run_id="r1")
        with pytest.raises(zg.RunNotFoundError):
            await e.result("r1")


async def test_a_schema_that_is_none_is_refused_before_anything_is_done() -> None:
    step = zg.Step("a", agent="a", output_schema={"type": "no such type"})
    async with zg.Engine.open(Offering(a=ask()), journal="memory", discover=False) as e:
        with pytest.raises(zg.WorkflowError, match="'output_schema' of step 'a'"):
            await e.run(zg.Workflow("w", (step,)), "x")
