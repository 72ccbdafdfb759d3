"""``zg run``: an objective in, files out, and every way in which it can end.

One file, since it is one command.
"""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import anyio
import pytest
from calling import Called, Caller
from installing import Site
from terminals import Terminal

import zg_core as zg_api
from zg_core.config import user_file

pytestmark = pytest.mark.usefixtures("play")


def recorded() -> list[zg_api.RunSummary]:
    async def read() -> list[zg_api.RunSummary]:
        async with zg_api.Engine.open() as engine:
            return await engine.journal.list()

    return anyio.run(read)


def type_in(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


# -- What is done --------------------------------------------------------------------


def test_a_run_ends_with_files_cost_and_how_to_go_on(zg: Caller) -> None:
    called = zg("run", "make two", "--workflow", "pair")

    (run,) = recorded()
    out = Path.cwd() / "zg-runs" / run.run_id
    lines = called.out.splitlines()
    assert called.code == 0
    assert called.err == ""
    assert lines[0] == "model play:toy (from environment ZG_MODEL)"
    assert lines[1] == f"run {run.run_id}, with its files in {out}"
    assert "second: play-ask begins" in lines
    assert "second: writing (50%)" in lines
    assert "second: wrote second.txt (9 bytes)" in lines
    assert lines[-7].startswith("completed in ")
    assert lines[-7].endswith(": 2 model calls, 12 tokens, cost nothing")
    assert lines[-6:] == [
        f"files in {out}",
        "  first.txt   9 bytes",
        "  second.txt  9 bytes",
        "go on with:",
        f"  zg runs show {run.run_id}",
        f'  zg runs follow-up {run.run_id} "…"',
    ]
    assert (out / "second.txt").read_text() == "Answer 2."


def test_with_json_the_result_is_all_there_is(zg: Caller) -> None:
    called = zg("run", "make two", "--workflow", "pair", "--json")

    document = called.document
    assert (called.code, called.err) == (0, "")
    assert document["status"] == "completed"
    assert document["model"] == "play:toy"
    assert [step["step"] for step in document["history"]] == ["first", "second"]
    assert document["result"] == "Answer 2."


def test_what_agents_print_and_log_is_not_the_result(zg: Caller) -> None:
    quiet = zg("run", "x", "--agent", "play-talk", "--json")
    debug = zg("--debug", "run", "x", "--agent", "play-talk", "--json")

    assert quiet.err == "printed\n"
    assert "WARNING play: logged\n" in debug.err
    assert debug.document["result"] == "talked"


def test_a_higher_limit_is_advised_only_where_one_can_be_given(zg: Caller) -> None:
    deep = zg("run", "x", "--agent", "play-deeper")
    long = zg("run", "x", "--workflow", "pair", "--max-calls", "1")

    assert deep.code == long.code == 1
    assert "zg runs resume " in deep.out
    assert "with a higher limit" not in deep.out
    assert "  # with a higher limit" in long.out


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_with_debug_a_failed_run_shows_where(
    zg: Caller, options: tuple[str, ...]
) -> None:
    command = "run", "x", "--agent", "play-broken", *options
    called = zg("--debug", *command)

    assert called.code == 1
    assert "Traceback" in called.err
    assert 'raise ValueError("nobody saw this coming")' in called.err
    assert "Traceback" not in zg(*command).err


def test_answers_are_shown_while_they_come_if_that_is_wanted(zg: Caller) -> None:
    called = zg("run", "make it", "--agent", "play-ask", "--stream")

    assert "work | Answer 1." in called.out
    assert "work | " not in zg("run", "make it", "--agent", "play-ask").out


def test_without_files_the_output_is_shown(zg: Caller) -> None:
    assert "\nnothing to say\n" in zg("run", "x", "--agent", "play-quiet").out


def test_the_objective_may_come_from_standard_input(
    zg: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    type_in(monkeypatch, "grüße\nall\n".encode())

    called = zg("run", "-", "--agent", "play-quiet", "--json")

    assert called.document["objective"] == "grüße\nall"


def test_files_are_taken_into_the_runs_folder(
    zg: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("notes.txt").write_text("remember")
    type_in(monkeypatch, b"typed")
    options = ("--input", "notes.txt", "--input", "-", "--out", "here")

    called = zg("run", "read", "--agent", "play-quiet", *options, "--json")

    assert called.document["result"] == {
        "inputs/notes.txt": "remember",
        "inputs/standard-input": "typed",
    }
    assert Path("here/inputs/notes.txt").read_text() == "remember"
    assert '"inputs/notes.txt": "remember"' in zg("runs", "show", "last").out


def test_a_fallback_follows_the_model_that_would_be_chosen(zg: Caller) -> None:
    options = ("--agent", "play-ask", "--json")

    alone = zg("run", "x", "--fallback", "dear", *options).document
    both = zg("run", "x", "--model", "dear", "--fallback", "play:b", *options).document

    assert alone["model"] == "play:toy, dear:toy"
    assert both["model"] == "dear:toy, play:b"
    assert both["model_reason"] == "asked for"


def test_an_unknown_price_is_said(zg: Caller) -> None:
    called = zg("run", "x", "--agent", "play-ask", "--model", "dear")

    assert "cost at a price we do not know" in called.out
    assert called.code == 0


def test_a_dry_run_shows_what_would_be_done_and_does_nothing(zg: Caller) -> None:
    called = zg("run", "Plan a strategy", "--dry-run", "--max-usd", "2")

    assert called.code == 0
    assert "strategic, " in called.out
    assert "limits: usd 2.0\n" in called.out
    assert not Path("zg-runs").exists()
    assert recorded() == []


def test_a_dry_run_can_be_a_document(zg: Caller) -> None:
    options = ("--dry-run", "--workflow", "pair", "--out", "here", "--json")

    document = zg("run", "x", *options).document

    assert document["out"] == "here"
    assert document["route"] is None
    assert document["steps"][1] == {
        "step": "second",
        "agent": "play-ask",
        "needs": ["first"],
    }


# -- How it ends otherwise -----------------------------------------------------------


def test_a_run_with_something_missing_is_degraded(zg: Caller) -> None:
    called = zg("run", "x", "--workflow", "lame")

    assert called.code == 4
    assert "degraded in" in called.out
    assert "missing: step lost, since it went wrong" in called.out
    assert "missing: step gone, since it went wrong" in called.out


def test_a_failed_run_says_why_and_how_to_resume(zg: Caller) -> None:
    called = zg("run", "x", "--agent", "play-fail")

    (run,) = recorded()
    assert called.code == 1
    assert called.err == "error: it went wrong\n  try something else\n"
    assert called.out.endswith(f"  zg runs resume {run.run_id}\n")


def test_with_json_a_failed_run_is_a_document_too(zg: Caller) -> None:
    called = zg("run", "x", "--agent", "play-fail", "--json")

    assert (called.code, called.err) == (1, "")
    assert called.document["status"] == "failed"
    assert called.document["error"]["cause"] == "it went wrong"


def test_what_the_configuration_lacks_has_its_own_exit_code(zg: Caller) -> None:
    called = zg("run", "x", "--agent", "play-config")

    assert called.code == 3
    assert "zg-play needs the secret 'key'" in called.err


def test_an_agent_that_cannot_be_made_fails_the_run(zg: Caller, play: Site) -> None:
    play.install(
        "zg-lazy",
        """
        import zg_core as zg

        @zg.hookimpl
        def zg_register_agents():
            return [zg.AgentSpec(name="lazy", factory="zg_lazy:nowhere")]
        """,
    )

    called = zg("run", "x", "--agent", "lazy")

    assert called.code == 1
    assert "agent 'lazy' from zg-lazy 1.0 could not be created" in called.err


def test_a_limit_is_an_end(zg: Caller) -> None:
    called = zg("run", "x", "--workflow", "pair", "--max-calls", "1")

    assert called.code == 1
    assert "limit" in called.err


def refused(called: Called, code: int, cause: str, remedy: str = "") -> None:
    """Check that nothing was done."""
    assert called.code == code
    assert called.out == ""
    assert called.err.startswith(f"error: {cause}")
    assert remedy in called.err
    assert not Path("zg-runs").exists()
    assert recorded() == []


@pytest.mark.parametrize(
    ("objective", "cause"),
    [
        ("", "the objective is empty"),
        (" \n", "the objective is empty"),
        ("x" * 1_000_000, "the objective has 1,000,000 characters"),
        ("a\x1b[31mb", "the objective has the character U+001B at place 1"),
        ("a\ud800", "the objective is not UTF-8"),
    ],
)
def test_an_objective_nobody_can_work_on_is_refused(
    zg: Caller, objective: str, cause: str
) -> None:
    refused(zg("run", objective, "--agent", "play-quiet"), 2, cause)


@pytest.mark.parametrize(
    ("options", "code", "cause", "remedy"),
    [
        (["--workflow", "pear"], 2, "there is no workflow named 'pear'", "'pair'"),
        (["--agent", "play-ak"], 2, "there is no agent named", "'play-ask'"),
        (["--agents", "play-ask,zzz"], 2, "there is no agent named 'zzz'", ""),
        (["--model", "plai:x"], 2, "there is no provider named 'plai'", "'play'"),
        (["--model", "play,"], 3, "the model setting 'play,' has an empty link", ""),
        (["--max-usd", "0"], 2, "Invalid value for '--max-usd'", "zg run --help"),
        (["--agent", "a", "--workflow", "b"], 2, "--agent goes without", ""),
        (["--input", "nowhere.txt"], 2, "nowhere.txt cannot be read: No such", ""),
        (["--input", "."], 2, ". cannot be read: Is a directory", ""),
        (["--input", "a/x", "--input", "b/x"], 2, "two files given with", "rename"),
    ],
)
def test_what_does_not_exist_or_fit_is_refused(
    zg: Caller, options: list[str], code: int, cause: str, remedy: str
) -> None:
    for folder in ("a", "b"):
        Path(folder).mkdir()
        Path(folder, "x").write_text("")

    refused(zg("run", "x", *options), code, cause, remedy)


def test_standard_input_that_is_no_text_is_refused(
    zg: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    type_in(monkeypatch, b"\xff\xfe")

    refused(zg("run", "-"), 2, "the objective on standard input is not UTF-8")


def test_too_much_on_standard_input_is_refused_for_its_length(
    zg: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    type_in(monkeypatch, b"x" + "ü".encode() * 600_000)

    refused(zg("run", "-"), 2, "the objective has more than 100,000 characters")


def test_standard_input_can_be_read_once_only(zg: Caller) -> None:
    refused(zg("run", "-", "--input", "-"), 2, "standard input can be read once only")


def test_without_a_model_nothing_is_begun(
    zg: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ZG_MODEL")

    refused(zg("run", "x"), 3, "there is no model to use", "set OPENAI_API_KEY")


def test_agents_that_need_no_model_do_without(
    zg: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ZG_MODEL")

    called = zg("run", "x", "--agent", "play-quiet")

    assert called.code == 0
    assert called.out.startswith("no model (there is no model to use")


ASKING = """
import zg_core.plugin_api as zg


@zg.hookimpl
def zg_register_agents():
    return [zg.AgentSpec(name="asking", factory="builtins:object", needs_model=True)]
"""


def test_nothing_is_begun_without_a_model_that_an_agent_of_a_plugin_needs(
    zg: Caller, play: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ZG_MODEL")
    play.install("zg-asking", ASKING)

    refused(zg("run", "x", "--agent", "asking"), 3, "there is no model to use")


def test_a_folder_that_holds_files_already_is_named_before_the_run_begins(
    zg: Caller,
) -> None:
    run = ("run", "x", "--agent", "play-ask", "--out")
    Path("mine").mkdir()
    Path("empty").mkdir()
    Path("mine", "notes.txt").write_text("mine")

    said = "agents may write over the files that are in {}\n"
    assert zg(*run, "new").err == zg(*run, "empty").err == ""
    assert zg(*run, "mine").err == said.format("mine")
    assert zg(*run, ".").err == said.format(".")
    assert zg(*run, "new", "--json").err == said.format("new")
    assert zg("runs", "resume", "last").err == ""


def test_an_output_folder_that_is_a_file_is_refused(zg: Caller) -> None:
    Path("file").write_text("")

    called = zg("run", "x", "--agent", "play-ask", "--out", "file")

    assert called.code != 0
    assert "file" in called.err
    assert "Traceback" not in called.err


def test_a_model_that_must_be_fetched_is_fetched_first(zg: Caller, play: Site) -> None:
    play.install(
        "zg-fetch",
        """
        import zg_core as zg
        from zg_core.testing import ScriptedProvider

        class Fetching(ScriptedProvider):
            async def prepare(self, model, progress, *, download):
                if not download:
                    raise zg.ConfigError(f"{model} is not here", "let it be fetched")
                with progress.bar(f"fetching {model}", 10) as advance:
                    advance(10)

        @zg.hookimpl
        def zg_register_providers():
            make = lambda: Fetching("Fetched.", repeat=True)
            return [zg.ProviderSpec(name="fetch", factory=make, default_model="big")]

        @zg.hookimpl
        def zg_register_agents():
            return []
        """,
    )
    only_builtin = ("--model", "fetch", "--agents", "designer", "--workflow", "solo")

    refused(zg("run", "x", *only_builtin, "--no-download"), 3, "big is not here")
    assert zg("run", "x", *only_builtin).err.startswith("fetching big\n")


# -- Old runs ------------------------------------------------------------------------


def test_runs_older_than_configured_are_forgotten(zg: Caller) -> None:
    async def begin_one_long_ago() -> None:
        async with zg_api.Engine.open() as engine:
            step = zg_api.Step("work", agent="play-quiet")
            accepted = zg_api.RunAccepted(
                seq=1,
                at="2020-02-02T02:02:02.020Z",
                run_id="old",
                objective="x",
                workflow=zg_api.Workflow("alone", (step,)),
            )
            await engine.journal.create(accepted)

    anyio.run(begin_one_long_ago)
    user_file().parent.mkdir(parents=True, exist_ok=True)
    user_file().write_text("retention_days = 30")

    zg("run", "new", "--agent", "play-quiet")

    assert [run.objective for run in recorded()] == ["new"]


# -- Ctrl-C, and a terminal ----------------------------------------------------------


class Process:
    """``zg run`` as a process of its own, whose lines are read as they come."""

    def __init__(self, site: Site, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-u", "-m", "zg_core.cli", "run", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(site.folder)},
        )

    def until(self, text: str) -> None:
        """Read until a line has *text*."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if text in line:
                return
        raise AssertionError(f"{text!r} was never printed")

    def interrupt(self) -> None:
        self._process.send_signal(signal.SIGINT)

    def until_noted(self, text: str) -> None:
        assert self._process.stderr is not None
        assert text in self._process.stderr.readline()

    def close_and_end(self) -> str:
        """Read no more, and return what it says about that."""
        with self._process:
            assert self._process.stdout is not None
            assert self._process.stderr is not None
            self._process.stdout.close()
            return self._process.stderr.read()

    def end(self) -> Called:
        out, err = self._process.communicate(timeout=20)
        return Called(self._process.returncode, out, err)


def test_a_first_interrupt_stops_cleanly_and_says_how_to_resume(zg: Caller) -> None:
    called = zg("run", "x", "--agent", "play-interrupted")

    (run,) = recorded()
    assert called.code == 130
    assert run.status == "cancelled"
    assert called.err == "stopping; Ctrl-C once more ends it at once\n"
    assert "work  play-interrupted  stopped" in called.out
    assert called.out.endswith(f"zg runs resume {run.run_id}\n")


def test_with_json_an_interrupted_run_is_a_document(zg: Caller) -> None:
    called = zg("run", "x", "--agent", "play-interrupted", "--json")

    assert (called.code, called.err) == (130, "")
    assert called.document["status"] == "cancelled"


def test_a_second_interrupt_ends_it_at_once(play: Site) -> None:
    process = Process(play, "x", "--agent", "play-stubborn")
    process.until("begins")
    process.interrupt()
    process.until_noted("stopping")
    process.interrupt()

    assert process.end().code == 130
    (run,) = recorded()
    assert (run.status, run.owned) == ("running", False)


def test_on_a_terminal_a_run_is_a_tree(terminal: Terminal) -> None:
    code = terminal.call("run", "x", "--workflow", "lame")

    shown = terminal.read()
    assert code == 4
    assert "model play:toy (from environment ZG_MODEL)" in shown
    assert "play:toy  3 tokens  nothing" in shown
    assert "first.txt" in shown
    assert "it went wrong" in shown
    assert "STEP" not in shown
    assert "zg runs follow-up" in shown


def test_on_a_terminal_the_agents_that_are_asked_are_below_who_asks(
    terminal: Terminal,
) -> None:
    code = terminal.call("run", "x", "--agent", "play-boss")

    shown = terminal.read()
    assert code == 0
    assert "asked: 1 finished, 1 failed" in shown


def test_without_one_their_lines_are_indented(zg: Caller, play: Site) -> None:
    called = zg("run", "x", "--agent", "play-boss")

    begun = re.findall(r"^  work/(.*)\.[0-9a-f]{6}: .* begins: (.*)$", called.out, re.M)
    assert begun == [("play-ask", "look at it"), ("play-fail", "try it")]
    assert "failed: it went wrong" in called.out


def test_on_a_terminal_answers_are_shown_while_they_come(terminal: Terminal) -> None:
    terminal.call("run", "x", "--agent", "play-slow")

    shown = terminal.read()
    assert "▸ work" in shown
    assert re.search(r"Answer \d+\.", shown)


def test_on_a_terminal_an_interrupted_run_says_what_happens(terminal: Terminal) -> None:
    code = terminal.call("run", "x", "--agent", "play-interrupted")

    assert code == 130
    assert "stopping; Ctrl-C once more ends it at once" in terminal.read()


def test_on_a_terminal_a_routed_run_shows_its_route(terminal: Terminal) -> None:
    code = terminal.call("run", "Build an application", "--max-calls", "1")

    assert code == 1
    assert "technical: architect, engineer, operator" in terminal.read()


def test_a_reader_that_goes_away_gets_no_traceback(play: Site) -> None:
    process = Process(play, "x", "--workflow", "pair")
    process.until("model")

    assert "Traceback" not in process.close_and_end()
