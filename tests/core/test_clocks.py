"""How long runs and their steps were under way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

import zg_core as zg
from zg_core import events
from zg_core._machine import fold
from zg_core.results import result_of

PAIR = zg.Workflow(
    "pair",
    (
        zg.Step("one", agent="builtin:engineer"),
        zg.Step("two", agent="builtin:engineer"),
    ),
)


def of(*timed: tuple[int, Any]) -> zg.RunResult:
    """Return the result of events, each at a second of a minute, or of later ones."""
    accepted = events.RunAccepted(workflow=PAIR, objective="x", options=zg.RunOptions())
    started = events.RunStarted(
        model="", model_reason="", agents={}, core="1", api="1", python="3", plugins=()
    )
    listed: Sequence[tuple[int, Any]] = ((0, accepted), (0, started), *timed)
    return result_of(
        fold(
            replace(
                event,
                run_id="r",
                seq=number,
                at=f"2026-01-01T00:{second // 60:02}:{second % 60:02}+00:00",
            )
            for number, (second, event) in enumerate(listed, 1)
        )
    )


def begins(step: str) -> zg.Event:
    return events.StepStarted(step=step, agent="builtin:engineer")


def ends(step: str) -> zg.Event:
    return events.StepFinished(step=step, output="done")


def asks(step: str) -> zg.Event:
    return events.InputRequested(
        step=step, call_key=f"{step}:1", question="well?", schema={}
    )


def told(step: str) -> zg.Event:
    return events.InputGiven(call_key=f"{step}:1", value="yes", by="Ann")


FINISHED = events.RunFinished(output="done", degraded=False)
RESUMED = events.RunResumed(epoch=2)


def seconds(result: zg.RunResult) -> tuple[float | None, list[float | None]]:
    return result.duration_seconds, [s.duration_seconds for s in result.history]


def test_the_time_between_a_failure_and_a_resumption_is_not_counted() -> None:
    failure = events.StepFailed(step="one", error=zg.ErrorInfo(type="E", cause="bad"))
    failed = events.RunFailed(error=failure.error)

    result = of(
        (1, begins("one")),
        (3, failure),
        (3, failed),
        (60, RESUMED),
        (60, begins("one")),
        (65, ends("one")),
        (65, FINISHED),
    )

    assert seconds(result) == (8.0, [7.0, None])


def test_nor_is_that_after_a_process_was_killed() -> None:
    result = of(
        (0, begins("one")),
        (4, events.Progressed(step="one", message="far")),
        (90, events.PauseRequested(reason="")),
        (100, RESUMED),
        (100, begins("one")),
        (101, ends("one")),
        (101, FINISHED),
    )

    assert seconds(result) == (5.0, [5.0, None])


def test_nor_is_that_while_a_run_is_put_aside_and_answered_meanwhile() -> None:
    result = of(
        (0, begins("one")),
        (2, asks("one")),
        (3, events.RunPaused(reason="a question waits")),
        (50, told("one")),
        (60, RESUMED),
        (60, begins("one")),
        (61, ends("one")),
        (61, FINISHED),
    )

    assert seconds(result) == (3.0, [3.0, None])


def test_a_step_that_waits_for_a_person_takes_no_time_and_others_do() -> None:
    result = of(
        (0, begins("one")),
        (0, begins("two")),
        (2, asks("one")),
        (5, ends("two")),
        (30, told("one")),
        (31, ends("one")),
        (31, FINISHED),
    )

    assert seconds(result) == (6.0, [3.0, 5.0])


def test_a_step_takes_time_while_one_of_its_items_goes_on() -> None:
    result = of(
        (0, begins("one")),
        (0, begins("one[0]")),
        (0, begins("one[1]")),
        (2, asks("one[0]")),
        (7, ends("one[1]")),
        (40, told("one[0]")),
        (41, ends("one[0]")),
        (41, ends("one")),
        (41, FINISHED),
    )

    assert seconds(result) == (8.0, [8.0, None])
    assert [p.duration_seconds for p in result.history[0].parts] == [3.0, 7.0]


@pytest.mark.parametrize("asked", ["one/critic.1f2e3d", "one"])
def test_whoever_asks_an_agent_that_waits_waits_as_well(asked: str) -> None:
    result = of(
        (0, begins("one")),
        (1, begins("one/critic.1f2e3d")),
        (2, asks(asked)),
        (20, told(asked)),
        (22, ends("one/critic.1f2e3d")),
        (23, ends("one")),
        (23, FINISHED),
    )

    critic = result.history[0].parts[0]
    waited = 18 if "/" in asked else 0
    assert seconds(result) == (23.0 - waited, [23.0 - waited, None])
    assert critic.duration_seconds == 21.0 - waited
