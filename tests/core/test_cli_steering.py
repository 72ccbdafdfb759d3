"""``zg runs fork|rewind|watch|pause|continue|retune``, also from another process.

One file, since each command is about what another one did.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from calling import Caller
from installing import Site
from terminals import Terminal

import zg_core as zg_api

WAITING = '''
    import anyio
    import zg_core as zg
    from pathlib import Path

    class Gated:
        """Asks the model, says so, and goes on once there is a file of its name."""

        async def run(self, ctx):
            for number in range(3):
                await ctx.complete([zg.Message.user(f"{ctx.step} {number}")])
                await ctx.progress(f"asked {number}")
                while not Path(f"go-{number}").exists():
                    await anyio.sleep(0.01)
            return zg.Reply(output="through")

    @zg.hookimpl
    def zg_register_agents():
        return [zg.AgentSpec(name="gated", factory=Gated)]
'''
pytestmark = [pytest.mark.heavy, pytest.mark.usefixtures("play")]


def run(zg: Caller, *options: str) -> str:
    """Do a run and return its id."""
    called = zg("run", "make it", *(options or ("--workflow", "pair")), "--json")
    return str(called.document["run_id"])


def accept(run_id: str, workflow: str = "pair") -> None:
    """Accept a run that nobody does yet."""

    async def work() -> None:
        async with zg_api.Engine.open() as engine:
            await engine.accept(workflow, "wait for me", run_id=run_id)

    anyio.run(work)


def go(number: int) -> None:
    Path(f"go-{number}").touch()


@pytest.fixture
def gated(site: Site) -> dict[str, str]:
    """Install an agent that waits for the test, and return the environment for it."""
    site.install("zg-waiting", WAITING)
    return {**os.environ, "PYTHONPATH": str(site.folder)}


@contextmanager
def elsewhere(
    environ: dict[str, str], *arguments: str
) -> Iterator[subprocess.Popen[str]]:
    """Call the real ``zg`` in a process of its own, which ends with the block."""
    command = [sys.executable, "-m", "zg_core.cli", *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def until(process: subprocess.Popen[str], words: str) -> list[str]:
    """Read what a process prints, to the line with these words."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if words in line:
            return lines
    pytest.fail(f"it ended without {words!r}: {lines} {process.stderr}")


# -- Forking and setting back --------------------------------------------------------


def test_a_run_is_forked_and_the_fork_is_done(zg: Caller, play: Site) -> None:
    origin = run(zg)
    requests = sys.modules["zg_play"].requests
    before = len(requests)

    called = zg("runs", "fork", "last", "--from", "second", "--prompt", "anew {first}")
    shown = zg("runs", "show", "last")

    assert called.code == 0
    assert called.out.startswith(f"forked from {origin} at step second\nmodel play:toy")
    assert "first: play-ask begins" not in called.out
    assert "second: done" in called.out
    assert f"copied 1 model call of {origin}, at no cost" in called.out
    assert len(requests) == before + 1
    assert requests[-1].messages[-1].text == f"anew Answer {before - 1}."
    assert f"\nforked from {origin}\n" in shown.out


def test_a_fork_of_the_first_step_has_copied_no_answer(zg: Caller) -> None:
    origin = run(zg)

    called = zg("runs", "fork", "last", "--from", "first")

    assert f"copied no model call of {origin}\n" in called.out


def test_a_fork_can_be_a_document_and_be_explained(zg: Caller) -> None:
    origin = run(zg)

    forked = zg(
        "runs", "fork", "last", "--from", "second", "--agent", "play-quiet",
        "--out", "mine", "--max-calls", "3", "--json",
    ).document  # fmt: skip
    explained = zg("runs", "explain", "last", "--json").document

    assert forked["forked_from"] == origin
    assert forked["out"] == str(Path("mine").absolute())
    assert forked["limits"]["calls"] == 3
    assert forked["result"] == "nothing to say"
    assert explained["forked_from"] == origin
    assert f"forked    from {origin}\n" in zg("runs", "explain", "last").out


def test_the_prompt_of_a_fork_can_be_in_a_file(zg: Caller, play: Site) -> None:
    run(zg)
    Path("prompt.txt").write_text("from a file\n")
    Path("bytes").write_bytes(b"\xff")

    called = zg("runs", "fork", "last", "--from", "second", "--prompt", "@prompt.txt")
    missing = zg("runs", "fork", "last", "--from", "second", "--prompt", "@none.txt")
    bad = zg("runs", "fork", "last", "--from", "second", "--prompt", "@bytes")

    assert called.code == 0
    assert sys.modules["zg_play"].requests[-1].messages[-1].text == "from a file"
    assert (missing.code, bad.code) == (2, 2)
    assert "the prompt none.txt cannot be read: No such file" in missing.err
    assert "the prompt bytes cannot be read: it is not UTF-8" in bad.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Missing option '--from'"),
        (["--from", ""], "it is empty"),
        (["--from", "secnd"], "did you mean 'second'?"),
        (["--from", "second", "--agent", "play-asc"], "did you mean 'play-ask'?"),
        (["--from", "second", "--prompt", "{third} {second}"], "does not need it"),
    ],
)
def test_a_fork_that_cannot_be_leaves_nothing_behind(
    zg: Caller, arguments: list[str], words: str
) -> None:
    run(zg)

    called = zg("runs", "fork", "last", *arguments)

    assert called.code == 2
    assert words in called.err
    assert len(zg("runs", "--json").document) == 1


def test_a_run_is_set_back_and_continued(zg: Caller) -> None:
    run_id = run(zg)

    back = zg("runs", "rewind", "last", "--to", "second")
    listed = zg("runs", "--status", "paused", "--json").document
    shown = zg("runs", "show", "last").out
    continued = zg("runs", "continue", "last")
    explained = zg("runs", "explain", "last").out

    assert back.code == 0
    assert back.out == (
        f"run {run_id} is set back to before step second; to be done again: second\n"
        f"go on with:\n  zg runs resume {run_id}\n"
    )
    assert [found["run_id"] for found in listed] == [run_id]
    assert "set back to before second: second" in shown
    assert continued.code == 0
    assert "second: done" in continued.out
    assert "first: done" not in continued.out
    assert "3 model calls" in continued.out
    assert "set back  to before second\n" in explained


def test_setting_back_can_be_a_document(zg: Caller) -> None:
    run_id = run(zg)

    assert zg("runs", "rewind", "last", "--to", "first", "--json").document == {
        "run_id": run_id,
        "status": "paused",
        "step": "first",
        "steps": ["first", "second"],
    }


def test_only_what_is_paused_is_continued(zg: Caller) -> None:
    run_id = run(zg)
    accept("waiting")

    done, waiting = zg("runs", "continue", run_id), zg("runs", "continue", "last")

    assert (done.code, waiting.code) == (2, 2)
    assert f"run {run_id!r} is completed, not paused" in done.err
    assert "zg runs resume waiting" in waiting.err


# -- From another process ------------------------------------------------------------


def test_a_run_is_watched_from_another_process_cut_and_watched_on(
    zg: Caller, gated: dict[str, str]
) -> None:
    """No event is missed and none comes twice; each watcher sees the run's end."""
    with elsewhere(gated, "run", "x", "--agent", "gated") as process:
        until(process, "asked 0")
        with elsewhere(gated, "runs", "watch", "last", "--json") as first:
            lines = until(first, "asked 0")
            first.send_signal(signal.SIGINT)
            rest, said = first.communicate(timeout=20)
        seen = [json.loads(line) for line in (*lines, *rest.splitlines())]
        after = str(seen[-1]["seq"])
        for number in range(3):
            go(number)
        second = zg("runs", "watch", "last", "--after", after, "--json")
        process.communicate(timeout=20)
    events = zg("runs", "show", "last", "--events", "--json").document

    assert first.returncode == 130
    assert f"watch on with: zg runs watch {events[0]['run_id']} --after {after}" in said
    assert (process.returncode, second.code) == (0, 0)
    assert [*seen, *map(json.loads, second.out.splitlines())] == events


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--workflow", "pair"), 0),
        (("--agent", "play-fail"), 1),
        (("--workflow", "lame"), 4),
    ],
)
def test_whoever_watches_a_run_that_ended_sees_all_of_it_and_exits_as_it_did(
    zg: Caller, options: tuple[str, ...], code: int
) -> None:
    run_id = run(zg, *options)

    called = zg("runs", "watch", "last")

    assert called.code == code
    assert called.out.startswith(f"run {run_id}: make it\nmodel play:toy")
    assert f"zg runs show {run_id}" in called.out
    assert ("error: it went wrong\n" in called.out) == (code == 1)


def test_whoever_watches_a_run_that_is_paused_is_told_and_leaves(zg: Caller) -> None:
    run(zg)
    zg("runs", "rewind", "last", "--to", "second")

    called = zg("runs", "watch", "last", "--after", "3")

    assert called.code == 5
    assert "first: play-ask begins" not in called.out
    assert "set back to before second" in called.out
    assert "paused" in called.out


@pytest.mark.heavy
def test_a_run_that_nobody_does_is_waited_for(
    zg: Caller, gated: dict[str, str]
) -> None:
    accept("waiting")
    with elsewhere(gated, "runs", "watch", "last") as watching:
        until(watching, "run waiting: wait for me")
        assert watching.stderr is not None
        left = watching.stderr.readline()
        assert zg("runs", "resume", "waiting").code == 0
        out, _ = watching.communicate(timeout=20)

    assert left == "nobody is doing it: zg runs resume waiting\n"
    assert watching.returncode == 0
    assert "second: done" in out


def test_on_a_terminal_a_watched_run_is_a_tree(zg: Caller, terminal: Terminal) -> None:
    run(zg)

    assert terminal.call("runs", "watch", "last") == 0
    shown = terminal.read()
    assert "✓ first" in shown
    assert "✓ second" in shown


def test_a_run_is_paused_and_continued_from_other_processes(
    zg: Caller, gated: dict[str, str]
) -> None:
    with elsewhere(gated, "run", "x", "--agent", "gated") as process:
        until(process, "asked 0")
        busy = (
            zg("runs", "resume", "last"),
            zg("runs", "rewind", "last", "--to", "work"),
        )
        paused = zg("runs", "pause", "last", "--reason", "lunch")
        go(0)
        out, _ = process.communicate(timeout=20)
    again = zg("runs", "pause", "last")
    go(1)
    go(2)
    with elsewhere(gated, "runs", "watch", "last", "--follow") as following:
        assert following.stderr is not None
        waiting = following.stderr.readline()
        continued = zg("runs", "continue", "last")
        following.communicate(timeout=20)
    events = zg("runs", "show", "last", "--events", "--json").document

    for called in busy:
        assert called.code == 1
        assert f"process {process.pid} on " in called.err
        for command in ("watch", "pause", "cancel"):
            assert f"zg runs {command} run_" in called.err
    assert paused.code == 0
    first, *rest = paused.out.splitlines()
    assert first.endswith((" was asked to pause", " is paused"))  # as fast as it was
    assert rest[0] == "go on with:"
    assert rest[1].startswith("  zg runs resume run_")
    assert "lunch" in out
    assert "is paused\n" in again.out
    assert (process.returncode, again.code, continued.code) == (5, 0, 0)
    assert waiting == "paused: lunch; waiting for it to go on\n"
    assert following.returncode == 0
    assert "through" in continued.out
    kinds = [event["type"] for event in events]
    assert kinds.count("ModelAnswered") == 3
    assert kinds.count("RunPaused") == 1


@pytest.mark.heavy
def test_limits_are_changed_while_another_process_does_the_run(
    zg: Caller, gated: dict[str, str]
) -> None:
    arguments = ("run", "x", "--agent", "gated", "--max-calls", "1")
    with elsewhere(gated, *arguments) as process:
        until(process, "asked 0")
        raised = zg(
            "runs", "retune", "last", "--max-calls", "2", "--max-tokens", "99999"
        )
        go(0)
        until(process, "asked 1")
        go(1)
        out, _ = process.communicate(timeout=20)

    assert raised.code == 0
    assert raised.out.endswith(": tokens 99,999, calls 2\n")
    assert process.returncode == 1
    assert "has made the 2 model calls" in out + zg("runs", "show", "last").out


def test_limits_of_a_run_nobody_does_are_changed_at_once(zg: Caller) -> None:
    accept("waiting")

    called = zg(
        "runs", "retune", "last", "--max-usd", "2", "--max-calls", "first=1", "--json"
    )
    unknown = zg("runs", "retune", "last", "--max-calls", "frst=1")
    nothing = zg("runs", "retune", "last")

    document: Any = called.document
    assert document["hold"] is True
    assert document["limits"]["usd"] == 2
    assert document["step_limits"]["first"]["calls"] == 1
    assert (unknown.code, nothing.code) == (2, 2)
    assert "did you mean 'first'?" in unknown.err
    assert "name a limit, such as --max-usd 2" in nothing.err


def test_what_is_done_has_no_limits_to_change(zg: Caller) -> None:
    run(zg)

    called = zg("runs", "retune", "last", "--max-usd", "2")

    assert called.code == 2
    assert "is completed, and spends nothing any more" in called.err


def test_every_help_ends_with_an_example(zg: Caller) -> None:
    for name in ("fork", "rewind", "watch", "pause", "continue", "retune"):
        last = zg("runs", name, "--help").out.rstrip().splitlines()[-1]
        assert f"zg runs {name}" in last
