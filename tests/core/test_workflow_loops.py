"""Steps that are done again until the result is good."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import anyio
import pytest
from offering import Offering, say

import zg_core as zg

pytestmark = pytest.mark.anyio


def judged(prompt: str = "draft {round}: {draft} | {review}", **review: Any) -> tuple:
    """Return a step that writes, and one that judges until it says ``ok``."""
    options = {"rounds": 5, **review}
    return (
        zg.Step("draft", agent="write", prompt=prompt),
        zg.Step(
            "review",
            agent="judge",
            needs=("draft",),
            repeat=zg.Repeat(until="output.ok", back_to="draft", **options),
        ),
    )


class Team:
    """A writer and a judge who is content with the *good*-th draft."""

    def __init__(self, good: int) -> None:
        self.prompts: list[str] = []
        self.judged: list[str] = []
        self.good = good
        self.stop_at = 0

    async def write(self, ctx: zg.Context) -> zg.Reply:
        self.prompts.append(ctx.prompt)
        if len(self.prompts) == self.stop_at:
            raise zg.RunError("the power went out", "try again")
        return zg.Reply(output=f"text {len(self.prompts)}")

    async def judge(self, ctx: zg.Context) -> zg.Reply:
        self.judged.append(ctx.step)
        ok = len(self.judged) >= self.good
        return zg.Reply(output={"ok": ok, "say": f"no {len(self.judged)}"})

    def engine(self) -> Any:
        plugin = Offering(write=self.write, judge=self.judge, after=say("published"))
        return zg.Engine.open(plugin, journal="memory", discover=False)


async def test_a_loop_ends_when_its_result_is_good() -> None:
    team = Team(good=3)
    after = zg.Step("after", agent="after", needs=("review",))
    async with team.engine() as engine:
        result = await engine.run(
            zg.Workflow("w", (*judged(), after)), "x", run_id="r1"
        )
        events = await engine.journal.read("r1")

    assert result.status == "completed"
    assert result.output == "published"
    started = [e.step for e in events if isinstance(e, zg.StepStarted)]
    assert started == [
        *("draft", "review", "draft@2", "review@2", "draft@3", "review@3"),
        "after",
    ]
    draft, review, _ = result.history
    assert (draft.output, draft.round, review.round) == ("text 3", 3, 3)


async def test_a_round_sees_its_own_draft_and_what_was_said_of_it() -> None:
    team = Team(good=3)
    async with team.engine() as engine:
        await engine.run(zg.Workflow("w", judged()), "x")

    assert [" ".join(prompt.split()) for prompt in team.prompts] == [
        "draft 1: |",
        'draft 2: text 1 | { "ok": false, "say": "no 1" }',
        'draft 3: text 2 | { "ok": false, "say": "no 2" }',
    ]


async def test_without_a_prompt_the_round_before_is_told_as_well() -> None:
    team = Team(good=2)
    async with team.engine() as engine:
        await engine.run(zg.Workflow("w", judged(prompt="")), "x")

    assert team.prompts[0] == "x"
    assert team.prompts[1].startswith("x\n\n## draft, round 1\n\ntext 1\n\n## review")


async def test_when_the_rounds_are_used_up_the_run_goes_on_and_is_degraded() -> None:
    team = Team(good=9)
    after = zg.Step("after", agent="after", needs=("review",))
    steps = (*judged(rounds=2), after)
    async with team.engine() as engine:
        result = await engine.run(zg.Workflow("w", steps), "x")

    assert (result.status, result.output) == ("degraded", "published")
    review = result.history[1]
    assert (review.status, review.output["say"]) == ("degraded", "no 2")
    assert review.error is not None
    assert review.error.type == "LimitError"
    assert "output.ok does not hold of step 'review' after 2 rounds" in (
        review.error.cause
    )


async def test_a_step_may_be_repeated_alone() -> None:
    seen: list[object] = []

    async def count(ctx: zg.Context) -> zg.Reply:
        seen.append(ctx.outputs.get("count"))
        return zg.Reply(output=len(seen))

    step = zg.Step(
        "count", agent="count", repeat=zg.Repeat(until="output >= `3`", rounds=9)
    )
    async with zg.Engine.open(
        Offering(count=count), journal="memory", discover=False
    ) as engine:
        result = await engine.run(zg.Workflow("w", (step,)), "x")

    assert result.output == 3
    assert seen == [None, 1, 2]


async def test_a_run_goes_on_in_the_middle_of_a_round() -> None:
    team = Team(good=3)
    team.stop_at = 2
    async with team.engine() as engine:
        with pytest.raises(zg.RunError, match="power"):
            await engine.run(zg.Workflow("w", judged()), "x", run_id="r1")
        halfway = await engine.result("r1")
        result = await engine.resume("r1")

    assert (halfway.history[0].status, halfway.history[0].round) == ("failed", 2)
    assert result.status == "completed"
    assert team.judged == ["review", "review@2", "review@3"]
    assert [p[:8] for p in team.prompts] == ["draft 1:", *["draft 2:"] * 2, "draft 3:"]
    assert result.history[0].error is None


async def test_a_failure_that_the_next_round_mends_leaves_no_mark() -> None:
    team = Team(good=2)
    team.stop_at = 1
    draft, review = judged()
    steps = (replace(draft, on_error="skip"), review)
    async with team.engine() as engine:
        result = await engine.run(zg.Workflow("w", steps), "x")

    assert result.status == "completed"
    assert [step.status for step in result.history] == ["finished", "finished"]


async def test_a_failure_of_the_last_round_does() -> None:
    team = Team(good=2)
    team.stop_at = 2
    draft, review = judged()
    steps = (replace(draft, on_error="skip"), review)
    async with team.engine() as engine:
        result = await engine.run(zg.Workflow("w", steps), "x")

    assert result.status == "degraded"
    draft_, review_ = result.history
    assert (draft_.status, draft_.output) == ("skipped", None)
    assert review_.status == "finished"


async def test_an_until_that_cannot_be_evaluated_is_the_failure_of_its_step() -> None:
    team = Team(good=2)
    draft, review = judged()
    bad = zg.Repeat(until="length(output.ok) > `0`", back_to="draft")
    steps = (draft, replace(review, repeat=bad))
    async with team.engine() as engine:
        with pytest.raises(
            zg.WorkflowError, match=r"'until' of step 'review' .*boolean"
        ):
            await engine.run(zg.Workflow("w", steps), "x", run_id="r1")
        failed = await engine.result("r1")

    assert failed.history[1].status == "failed"


async def test_a_loop_whose_last_step_is_skipped_has_ended() -> None:
    team = Team(good=9)
    draft, review = judged()
    steps = (draft, replace(review, when="contains(draft, 'never')"))
    async with team.engine() as engine:
        result = await engine.run(zg.Workflow("w", steps), "x")

    assert [step.status for step in result.history] == ["finished", "skipped"]
    assert result.status == "completed"


async def test_steps_of_a_loop_run_at_once_and_all_see_the_same_round() -> None:
    rounds: list[tuple[str, object]] = []
    met = {1: anyio.Event(), 2: anyio.Event()}

    async def look(ctx: zg.Context) -> zg.Reply:
        number = int(ctx.prompt)
        name = ctx.step.partition("@")[0]
        rounds.append((name, ctx.outputs["draft"]))
        if len([r for r in rounds if r[1] == ctx.outputs["draft"]]) == 2:
            met[number].set()
        with anyio.fail_after(5):
            await met[number].wait()
        return zg.Reply(output=number)

    team = Team(good=2)
    draft, review = judged()
    steps = (
        draft,
        zg.Step("form", agent="look", needs=("draft",), prompt="{round}"),
        zg.Step("facts", agent="look", needs=("draft",), prompt="{round}"),
        replace(review, needs=("form", "facts")),
    )
    plugin = Offering(write=team.write, judge=team.judge, look=look)
    async with zg.Engine.open(plugin, journal="memory", discover=False) as engine:
        result = await engine.run(zg.Workflow("w", steps), "x")

    assert sorted(rounds) == [
        *(("facts", "text 1"), ("facts", "text 2")),
        *(("form", "text 1"), ("form", "text 2")),
    ]
    assert result.status == "completed"


async def test_a_time_limit_holds_for_each_round() -> None:
    """Three rounds of a second each fit into a limit of two: no round takes longer."""
    clock = {"rounds": 0}

    async def work(ctx: zg.Context) -> zg.Reply:
        clock["rounds"] += 1
        left = (await ctx.remaining()).seconds
        assert left is not None
        return zg.Reply(output=left > 3599)

    step = zg.Step(
        "work",
        agent="work",
        timeout_seconds=3600,
        repeat=zg.Repeat(until="round == `3` && output"),
    )
    async with zg.Engine.open(
        Offering(work=work), journal="memory", discover=False
    ) as engine:
        result = await engine.run(zg.Workflow("w", (step,)), "x")

    assert (result.status, clock["rounds"]) == ("completed", 3)


async def test_a_limit_holds_for_all_rounds_together() -> None:
    from zg_core.testing import ScriptedProvider

    async def ask(ctx: zg.Context) -> zg.Reply:
        return zg.Reply(output=(await ctx.complete([zg.Message.user("x")])).text)

    step = zg.Step(
        "work",
        agent="ask",
        limits=zg.Limits(calls=2),
        repeat=zg.Repeat(until="output == 'never'", rounds=5),
    )
    model = ScriptedProvider("no", repeat=True)
    options = zg.RunOptions(model="scripted:any")
    async with zg.Engine.open(
        Offering(ask=ask), model, journal="memory", discover=False
    ) as engine:
        with pytest.raises(zg.LimitError, match="step 'work' has made the 2 model"):
            await engine.run(zg.Workflow("w", (step,)), "x", options=options)

    assert len(model.requests) == 2
