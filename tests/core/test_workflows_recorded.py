"""Rounds and items of a recorded run, of a paused one, and of one whose engine died."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from offering import Offering, ask

import zg_core as zg
from zg_core._secrets import Secrets
from zg_core.running.recording import make_recording
from zg_core.testing import ScriptedProvider

pytestmark = pytest.mark.anyio
OPTIONS = zg.RunOptions(model="scripted:any")
WORK = zg.Workflow(
    "w",
    (
        zg.Step("draft", agent="ask", prompt="draft {round}: {review}"),
        zg.Step(
            "pages",
            agent="ask",
            needs=("draft",),
            for_each="[draft, 'end']",
            prompt="page {index}: {item}",
        ),
        zg.Step(
            "review",
            agent="ask",
            needs=("pages",),
            prompt="review {pages}",
            repeat=zg.Repeat(until="ends_with(output, '2')", back_to="draft"),
        ),
        zg.Step(
            "gone", agent="ask", needs=("review",), when="review == 'never'", prompt="x"
        ),
    ),
)


class Model(ScriptedProvider):
    """Answers by what it is asked, so that the order does not matter."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        super().__init__(self._said, repeat=True)

    def _said(self, request: zg.Request) -> str:
        text = request.messages[-1].text
        self.asked.append(text)
        rounds = sum(asked.startswith("review") for asked in self.asked)
        return f"{text.split()[0]} said {rounds}"


def opened(*plugins: Any, journal: zg.Journal | None = None) -> Any:
    return zg.Engine.open(
        Offering(ask=ask()),
        *plugins,
        journal=journal or zg.MemoryJournal(),
        discover=False,
    )


def told(result: zg.RunResult) -> list[tuple[Any, ...]]:
    return [
        (s.step, s.status, s.round, s.output, [(p.path, p.status) for p in s.parts])
        for s in result.history
    ]


async def test_a_replayed_run_does_the_same_rounds_and_items_and_asks_nobody() -> None:
    model = Model()
    async with opened(model) as engine:
        first = await engine.run(WORK, "do it", options=OPTIONS, run_id="r")
        recording, missing = await make_recording(
            await engine.journal.read("r"),
            config=engine.config,
            host=engine.host,
            secrets=Secrets(),
        )
    assert (first.status, first.history[0].round, missing) == ("completed", 2, ())
    assert len(model.asked) == 8

    nobody = ScriptedProvider()
    async with opened(nobody) as engine:
        again = await engine.run(WORK, "do it", replay=recording)

    assert told(again) == told(first)
    assert (again.replayed_calls, nobody.requests) == (8, [])


async def test_items_that_were_not_begun_wait_while_the_run_is_paused() -> None:
    seen: list[str] = []

    async def work(ctx: zg.Context) -> zg.Reply:
        seen.append(ctx.step)
        if len(seen) == 2:
            await engine.pause("r")
            await anyio.sleep_forever()
        return zg.Reply(output=ctx.step)

    step = zg.Step("work", agent="work", for_each="`[1, 2, 3, 4]`", parallel=1)
    async with zg.Engine.open(
        Offering(work=work), journal="memory", discover=False
    ) as engine:
        workflow = zg.Workflow("w", (step,))
        with pytest.raises(zg.RunPausedError):
            await engine.run(workflow, "x", run_id="r")
        paused = await engine.result("r")
        result = await engine.resume("r")

    assert seen[:2] == ["work[0]", "work[1]"]
    assert [part.path for part in paused.history[0].parts] == ["work[0]", "work[1]"]
    assert [part.status for part in paused.history[0].parts] == ["finished", "waiting"]
    assert result.output == [f"work[{index}]" for index in range(4)]
    assert seen.count("work[0]") == 1
