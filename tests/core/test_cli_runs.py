"""``zg runs`` and ``zg route``: look at runs, go on with them, forget them."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import anyio
import pytest
from calling import Caller
from installing import Site
from terminals import Terminal

import zg_core as zg_api

pytestmark = pytest.mark.usefixtures("play")


def run(zg: Caller, *options: str) -> str:
    """Do a run and return its id."""
    called = zg("run", "make it", *(options or ("--agent", "play-ask")), "--json")
    return str(called.document["run_id"])


def accept(run_id: str, workflow: str = "pair") -> None:
    """Accept a run that nobody does yet."""

    async def work() -> None:
        async with zg_api.Engine.open() as engine:
            await engine.accept(workflow, "wait for me", run_id=run_id)

    anyio.run(work)


# -- Looking -------------------------------------------------------------------------


def test_without_runs_it_says_how_to_begin_one(zg: Caller) -> None:
    assert zg("runs").out == 'there are no runs; begin one: zg run "…"\n'
    assert zg("runs", "--json").document == []
    assert zg("runs", "show", "last").err.startswith("error: there is no run yet")


def test_runs_are_listed_the_latest_first(zg: Caller) -> None:
    first, failed = run(zg), run(zg, "--agent", "play-fail")
    accept("waiting")

    listed = zg("runs").out.splitlines()

    assert listed[0].split() == ["RUN", "STATUS", "BEGUN", "WORKFLOW", "OBJECTIVE"]
    assert listed[1].startswith("waiting ")
    assert "cut off" in listed[1]
    assert listed[2].startswith(f"{failed}  failed  ")
    assert listed[3].startswith(f"{first}  completed  ")
    assert listed[3].endswith("solo      make it")


def test_a_list_can_be_narrowed(zg: Caller) -> None:
    run(zg)
    failed = run(zg, "--agent", "play-fail")
    run(zg)

    found = zg("runs", "--status", "failed", "--json").document
    assert [r["run_id"] for r in found] == [failed]
    assert len(zg("runs", "--limit", "2", "--json").document) == 2


def test_a_run_is_shown_with_all_there_is_to_know(zg: Caller) -> None:
    run_id = run(zg, "--workflow", "pair")

    shown = zg("runs", "show", "last").out

    assert shown.startswith(f"{run_id}: make it\nmodel play:toy (from")
    assert "STEP    AGENT     STATUS    MODEL     TOKENS  COST     TIME\n" in shown
    assert "first   play-ask  finished  play:toy" in shown
    assert "  second.txt  9 bytes\n" in shown


def test_a_run_that_failed_is_shown_with_its_error(zg: Caller) -> None:
    run(zg, "--agent", "play-fail")

    shown = zg("runs", "show", "last")

    assert shown.code == 0
    assert "error: it went wrong\n  try something else\n" in shown.out


def test_all_events_can_be_shown(zg: Caller) -> None:
    run(zg)

    lines = zg("runs", "show", "last", "--events").out.splitlines()
    events = zg("runs", "show", "last", "--events", "--json").document

    assert lines[0].lstrip().startswith("1  ")
    assert any(line.endswith("work: wrote work.txt (9 bytes)") for line in lines)
    assert events[0]["type"] == "RunAccepted"
    assert events[-1]["type"] == "RunFinished"
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))


def test_the_beginning_of_an_id_is_enough(zg: Caller) -> None:
    for run_id in ("run_abc1", "run_abd2", "other"):
        accept(run_id)

    def shown(name: str) -> str:
        return str(zg("runs", "show", name, "--json").document["run_id"])

    assert shown("run_abc") == "run_abc1"
    assert shown("abd") == "run_abd2"
    assert shown("other") == "other"
    ambiguous, unknown = zg("runs", "show", "ab"), zg("runs", "show", "zzz")
    assert (ambiguous.code, unknown.code) == (2, 2)
    assert "the ids of 2 runs begin with 'ab'" in ambiguous.err
    assert "there is no run 'zzz'" in unknown.err
    assert zg("runs", "show", "").code == 2


def test_a_whole_id_that_begins_another_means_itself(zg: Caller) -> None:
    accept("a")
    accept("ab")

    assert zg("runs", "show", "a", "--json").document["run_id"] == "a"


# -- Going on ------------------------------------------------------------------------


def test_a_run_nobody_does_is_resumed(zg: Caller) -> None:
    accept("waiting")

    called = zg("runs", "resume", "last")

    assert called.code == 0
    assert called.out.startswith("model play:toy")
    assert "second: done" in called.out


def test_a_finished_run_is_resumed_without_a_call(zg: Caller, play: Site) -> None:
    run(zg)
    requests = sys.modules["zg_play"].requests
    before = len(requests)

    called = zg("runs", "resume", "last")

    assert called.code == 0
    assert called.out.startswith("it has ended, and nothing is left to do\nmodel ")
    assert "work: done" not in called.out
    assert len(requests) == before


def test_a_run_is_cancelled_from_another_process(zg: Caller, play: Site) -> None:
    command = [sys.executable, "-m", "zg_core.cli", "run", "x", "--agent", "play-wait"]
    environ = {**os.environ, "PYTHONPATH": str(play.folder)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ
    ) as process:
        assert process.stdout is not None
        assert any("begins" in line for line in process.stdout)
        cancelled = zg("runs", "cancel", "last", "--reason", "enough")
        out, _ = process.communicate(timeout=20)

    assert cancelled.code == 0
    assert cancelled.out.endswith(("was asked to stop\n", "is cancelled\n"))
    assert process.returncode == 130
    assert "asked to stop: enough" in out


def test_a_run_nobody_does_is_cancelled_at_once(zg: Caller) -> None:
    accept("waiting")

    assert zg("runs", "cancel", "last", "--json").document == {
        "run_id": "waiting",
        "status": "cancelled",
        "done": True,
    }
    assert zg("runs", "cancel", "last").out == "run waiting is cancelled\n"


def test_a_follow_up_goes_on_from_files_and_results(zg: Caller) -> None:
    earlier = run(zg)

    called = zg(
        "runs", "follow-up", earlier[:20], "make it blue", "--agent", "play-quiet"
    )

    assert called.code == 0
    assert '"work.txt": "Answer' in called.out


def test_what_did_not_end_well_cannot_be_followed_up(zg: Caller) -> None:
    accept("waiting")

    called = zg("runs", "follow-up", "last", "make it blue")

    assert called.code == 2
    assert "zg runs resume waiting" in called.err


# -- Forgetting ----------------------------------------------------------------------


def test_runs_are_forgotten_and_their_files_stay(zg: Caller) -> None:
    first, second = run(zg), run(zg)

    assert zg("runs", "rm", first, "last", "--json").document == {
        "removed": [first, second]
    }
    assert zg("runs", "--json").document == []
    assert Path("zg-runs", first, "work.txt").exists()


def test_runs_are_forgotten_by_age(zg: Caller) -> None:
    run(zg)

    assert zg("runs", "rm", "--older-than", "1h").out == "forgot 0 runs\n"
    assert zg("runs", "rm", "--older-than", "0h").out == "forgot 1 run\n"


@pytest.mark.parametrize(("answer", "left"), [("y", 0), ("n", 1)])
def test_on_a_terminal_it_asks_first(
    zg: Caller,
    terminal: Terminal,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    left: int,
) -> None:
    run(zg)
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{answer}\n"))

    assert terminal.call("runs", "rm", "last") == 0
    assert len(zg("runs", "--json").document) == left


@pytest.mark.parametrize(
    "arguments", [[], ["last", "--older-than", "1h"], ["--older-than", "soon"]]
)
def test_it_must_be_clear_what_to_forget(zg: Caller, arguments: list[str]) -> None:
    assert zg("runs", "rm", *arguments).code == 2


def test_a_run_somebody_does_is_not_forgotten(zg: Caller) -> None:
    async def work() -> None:
        async with zg_api.Engine.open() as engine:
            run_id = await engine.accept("pair", "x", run_id="busy")
            await engine.journal.claim(run_id)
            await anyio.to_thread.run_sync(forget)

    def forget() -> None:
        nonlocal named, by_age
        named = zg("runs", "rm", "busy")
        by_age = zg("runs", "rm", "--older-than", "0h")

    named = by_age = zg("runs")
    anyio.run(work)

    assert named.code == 1
    assert by_age.out == "forgot 0 runs\n"


# -- Routes --------------------------------------------------------------------------


def test_a_route_is_shown_with_its_reason_and_steps(zg: Caller) -> None:
    called = zg("route", "Plan a strategy for the spring")

    lines = called.out.splitlines()
    assert called.code == 0
    assert lines[0].startswith("strategic, ")
    assert lines[0].endswith("): architect, engineer, designer")
    assert lines[1].split() == ["STEP", "AGENT", "AFTER"]
    assert len(lines) == 5


def test_a_route_can_be_a_document(zg: Caller) -> None:
    document = zg("route", "Build a web app", "--json").document

    assert document["route"]["classifier"] == "builtin:trained"
    assert document["workflow"] == "adaptive"
    assert document["steps"][0]["needs"] == []


def test_a_workflow_that_is_not_routed_says_so(zg: Caller) -> None:
    assert zg("route", "x", "--workflow", "pair").out.startswith(
        "pair: always the same steps\n"
    )


def test_an_unknown_classifier_is_refused(zg: Caller) -> None:
    called = zg("route", "x", "--classifier", "keywrd")

    assert called.code == 2
    assert "did you mean 'keyword'?" in called.err


def test_every_help_ends_with_an_example(zg: Caller) -> None:
    for name in ("show", "resume", "cancel", "follow-up", "rm"):
        last = zg("runs", name, "--help").out.rstrip().splitlines()[-1]
        assert f"zg runs {name}" in last
