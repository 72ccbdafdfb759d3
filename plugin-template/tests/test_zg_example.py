"""The plugin does what it says, offline."""

from __future__ import annotations

import anyio
import zg_example.plugin

import zg_core as zg
from zg_core.testing import ScriptedProvider, call


def test_words_are_counted() -> None:
    assert zg_example.plugin.count_words("one two\nthree") == 3


def test_the_agent_counts_before_it_answers() -> None:
    model = ScriptedProvider(call("count_words", text="one two"), "Two words.")
    work = zg.Workflow("work", (zg.Step("cut", agent="example"),))
    options = zg.RunOptions(model="scripted:any")

    async def run() -> zg.RunResult:
        async with zg.Engine.open(
            zg_example.plugin, model, journal="memory", discover=False
        ) as engine:
            return await engine.run(work, "one two", options=options)

    assert anyio.run(run).output == "Two words."
    assert model.requests[1].messages[-1].text == "2"
