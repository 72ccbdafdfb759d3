"""``zg --server ADDRESS …``: the command line over a real service, as here.

One file, since all commands are tried on one service.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from calling import Caller
from gateway.serving import ZG, Serving, serving
from installing import Site
from terminals import Terminal

from zg_plugins_builtin.client import Client, Event
from zg_plugins_builtin.client.commands._views import view_of

PLUGIN = '''
import anyio

import zg_core.plugin_api as zg

COLOUR = {"type": "string", "enum": ["red", "blue"]}


class Agent:
    def __init__(self, work):
        self.run = work


async def write(ctx):
    await ctx.progress("half", 0.5)
    await ctx.write_artifact("site/index.html", "<h1>Yoga</h1>")
    return zg.Reply(output="written", artifacts=("site/index.html",))


async def name(ctx):
    await ctx.write_artifact("notes: today.txt", "x")
    return zg.Reply(output="named", artifacts=("notes: today.txt",))


async def fail(ctx):
    raise zg.RunError("it went wrong", "try something else")


async def ask(ctx):
    return zg.Reply(output=await ctx.ask("Which colour?", schema=COLOUR))


async def clean(ctx):
    result = await ctx.call_tool("clean", {"path": "old\\x1b[2J.txt"})
    return zg.Reply(output=result.text)


async def sleep(ctx):
    await anyio.sleep_forever()


@zg.tool(effect="once", risk="high", requires_approval=True)
def clean_tool(path: str) -> str:
    """Delete a file."""
    return f"deleted {path!r}"


@zg.hookimpl
def zg_register_tools():
    import dataclasses

    return [dataclasses.replace(clean_tool, name="clean")]


@zg.hookimpl
def zg_register_agents():
    works = {"writer": write, "broken": fail, "asker": ask, "sleeper": sleep}
    works |= {"namer": name}
    return [
        zg.AgentSpec(name="cleaner", factory=lambda: Agent(clean), tools=("clean",)),
        *(
            zg.AgentSpec(name=name, factory=lambda work=work: Agent(work))
            for name, work in works.items()
        ),
    ]


@zg.hookimpl
def zg_register_workflows():
    steps = (
        zg.Step("a", agent="writer"),
        zg.Step("b", agent="broken", on_error="fallback"),
        zg.Step("c", agent="writer", needs=("a",)),
    )
    return [zg.WorkflowSpec(name="lossy", workflow=zg.Workflow("lossy", steps))]
'''


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A service of its own, with agents that need no model."""
    home = tmp_path_factory.mktemp("served")
    (home / "agents.py").write_text(PLUGIN)
    (home / "config.toml").write_text('[plugins]\nlocal = ["agents.py"]\n')
    with serving("--dev", ZG_HOME=str(home)) as made:
        yield made


@pytest.fixture
def zg(
    served: Serving,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Caller:
    monkeypatch.setenv("ZEROGRAVITY_SERVER", served.address)
    monkeypatch.setenv("ZEROGRAVITY_API_KEY", served.told["credential"]["secret"])
    return Caller(capfd)


@pytest.fixture
def client(served: Serving) -> Iterator[Client]:
    with Client(served.address, served.told["credential"]["secret"]) as made:
        yield made


# -- zg run --------------------------------------------------------------------------


def test_a_run_is_shown_and_its_files_are_fetched(zg: Caller, tmp_path: Path) -> None:
    called = zg("run", "Write", "--agent", "writer", "--out", str(tmp_path / "out"))

    lines = called.out.splitlines()
    job_id = lines[0].split()[1]
    assert (called.code, called.err) == (0, "")
    assert lines[1:6] == [
        "begins",
        "work: writer begins",
        "work: half",
        "wrote site/index.html (13 bytes)",
        "work: done",
    ]
    assert lines[6].startswith("completed in ")
    assert lines[6].endswith("s: 0 model calls, 0 tokens, cost nothing")
    assert lines[7:] == [
        f"files in {tmp_path / 'out'}",
        "  site/index.html  13 bytes",
        "go on with:",
        f"  zg runs show {job_id}",
    ]
    assert (tmp_path / "out" / "site" / "index.html").read_text() == "<h1>Yoga</h1>"


def test_a_file_may_have_any_name_that_stays_in_its_folder(
    zg: Caller, tmp_path: Path
) -> None:
    called = zg("run", "Name", "--agent", "namer", "--out", str(tmp_path / "out"))

    assert (called.code, called.err) == (0, "")
    assert (tmp_path / "out" / "notes: today.txt").read_text() == "x"


def test_what_a_run_gave_is_shown_also_where_its_files_cannot_be_written(
    zg: Caller, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    called = zg("run", "Write", "--agent", "writer", "--out", str(tmp_path / "file"))

    assert called.code == 2
    assert "\nwritten\n" in called.out
    assert "choose another folder" in called.err


def test_as_json_a_run_is_one_document(zg: Caller) -> None:
    called = zg("run", "Write", "--agent", "writer", "--json", "--priority", "low")

    document = called.document
    assert (called.code, called.err) == (0, "")
    assert document["run_id"] == document["job_id"]
    assert (document["status"], document["result"]) == ("completed", "written")
    assert document["priority"] == "low"
    place = Path("zg-runs", document["run_id"], "site", "index.html")
    assert document["files"] == [str(place.resolve())]
    assert place.is_file()


def test_exit_codes_are_those_of_runs_here(zg: Caller) -> None:
    failed = zg("run", "Fail", "--agent", "broken")
    degraded = zg("run", "Lose", "--workflow", "lossy")
    waiting = zg("run", "Ask", "--agent", "asker")

    assert (failed.code, degraded.code, waiting.code) == (1, 4, 5)
    assert "error: it went wrong" in failed.out
    assert "degraded in" in degraded.out
    assert "waits for people" in waiting.err
    assert "zg runs answer job_" in waiting.err


@pytest.mark.heavy
def test_ctrl_c_stops_the_run_on_the_server(
    served: Serving, zg: Caller, client: Client
) -> None:
    command = [*ZG, "run", "Sleep", "--agent", "sleeper"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        job_id = process.stdout.readline().split()[1]
        assert process.stdout.readline() == "begins\n"
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()

    assert process.returncode == 130
    assert "cancelled in" in rest
    job = client.job(job_id)
    assert job.error is not None
    assert (job.state, job.error["detail"]) == ("cancelled", "Ctrl-C")


@pytest.mark.heavy
def test_a_server_that_goes_away_is_said_to_have(tmp_path: Path) -> None:
    (tmp_path / "agents.py").write_text(PLUGIN)
    (tmp_path / "config.toml").write_text('[plugins]\nlocal = ["agents.py"]\n')
    with serving("--dev", ZG_HOME=str(tmp_path)) as going:
        key = {"ZEROGRAVITY_API_KEY": going.told["credential"]["secret"]}
        command = [*ZG, "--server", going.address, "run", "Sleep", "--agent", "sleeper"]
        with subprocess.Popen(
            command,
            env={**os.environ, **key},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            job_id = process.stdout.readline().split()[1]
            assert process.stdout.readline() == "begins\n"
            going.end()
            _, said = process.communicate(timeout=90)

    assert process.returncode == 1
    assert f"error: the service at {going.address} does not answer" in said
    assert f"zg --server {going.address} runs watch {job_id}" in said


@pytest.mark.heavy
def test_limits_are_sent_with_it(zg: Caller, client: Client) -> None:
    limits = ("--max-usd", "0.5", "--max-tokens", "9", "--max-calls", "3")
    document = zg("run", "Write", "--agent", "writer", "--json", *limits).document

    assert client.job(document["run_id"]).budget == {
        "max_cost_usd_micros": 500_000,
        "max_tokens": 9,
        "max_model_calls": 3,
    }


@pytest.mark.parametrize(
    "arguments",
    [
        *(("--input", "x"), ("--model", "openai:x"), ("--dry-run",), ("--live",)),
        *(("--replay", "x"), ("--agents", "a,b"), ("--runtime", "detached")),
        *(("--fallback", "openai:x"), ("--no-download",), ("--metrics-port", "0")),
    ],
    ids=lambda a: a[0],
)
def test_what_only_makes_sense_here_is_refused(
    arguments: tuple[str, ...], zg: Caller, client: Client
) -> None:
    before = len(list(client.jobs()))
    called = zg("run", "Write", *arguments)

    assert called.code == 2
    assert f"{arguments[0]} cannot be given to a server: " in called.err
    assert len(list(client.jobs())) == before


# -- zg runs -------------------------------------------------------------------------


@pytest.mark.heavy
def test_runs_are_listed_shown_watched_tried_again_and_forgotten(zg: Caller) -> None:
    run = zg("run", "Write", "--agent", "writer", "--json").document["run_id"]
    listed = zg("runs", "--json", "--limit", "1").document
    shown, whole = zg("runs", "show", "last"), zg("runs", "show", run, "--json")
    events = zg("runs", "show", run[:30], "--events", "--json").document
    watched = zg("runs", "watch", run, "--json")
    rest = zg("runs", "watch", run, "--json", "--after", str(len(events) - 1))
    again = zg("runs", "retry", run, "--json").document["run_id"]
    done = zg("runs", "watch", again)
    gone = zg("runs", "rm", again, "--yes", "--json").document
    missing = zg("runs", "show", again)

    assert [job["run_id"] for job in listed] == [run]
    assert shown.out.startswith(f"{run}: Write\ncompleted in ")
    assert f"it gave 1 file: zg runs files {run}" in shown.out
    assert whole.document["artifacts"][0]["path"] == "site/index.html"
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert [json.loads(line) for line in watched.out.splitlines()] == events
    assert [json.loads(line) for line in rest.out.splitlines()] == events[-1:]
    assert (done.code, gone) == (0, {"removed": [again]})
    assert (missing.code, again in missing.err) == (2, True)


@pytest.mark.heavy
def test_files_are_fetched_later(zg: Caller, tmp_path: Path) -> None:
    run = zg("run", "Write", "--agent", "writer", "--json").document["run_id"]
    called = zg("runs", "files", run, "--out", str(tmp_path))

    assert called.out == f"1 file in {tmp_path}\n"
    assert (tmp_path / "site" / "index.html").is_file()


@pytest.mark.heavy
def test_a_run_is_cancelled(zg: Caller, client: Client) -> None:
    job = client.submit("Sleep", agent="sleeper")
    called = zg("runs", "cancel", job.job_id, "--reason", "enough")

    assert called.code == 0
    assert client.wait(job.job_id, 10).state == "cancelled"
    assert zg("runs", "watch", job.job_id).code == 130
    assert zg("runs", "--status", "cancelled").out.splitlines()[1].startswith("job_")


@pytest.mark.heavy
def test_a_name_is_a_beginning_and_must_be_one_of_them(zg: Caller) -> None:
    zg("run", "Write", "--agent", "writer")
    zg("run", "Write", "--agent", "writer")

    assert "ids of" in zg("runs", "show", "job_").err
    assert zg("runs", "show", "nothing").code == 2


@pytest.mark.parametrize(
    "name",
    [
        *("continue", "explain", "export", "follow-up", "fork", "pause", "resume"),
        *("retune", "rewind"),
    ],
)
def test_what_a_server_does_not_do_is_refused(name: str, zg: Caller) -> None:
    called = zg("runs", name, "last", "--max-usd", "2")

    assert called.code == 2
    assert f"`zg runs {name}` cannot be done on a server" in called.err


# -- People --------------------------------------------------------------------------


def test_people_decide_from_their_shell(zg: Caller, client: Client) -> None:
    waiting = zg("run", "Clean", "--agent", "cleaner", "--json")
    run = waiting.document["run_id"]
    (asked,) = zg("runs", "approvals", run, "--json").document
    shown = zg("runs", "approvals", run)
    stale = zg("runs", "approve", run, asked["approval_id"], "--digest", "0" * 64)
    edit = ("--edit", '{"path": "new.txt"}', "--digest", asked["args_sha256"][:12])
    allowed = zg("runs", "approve", run, asked["approval_id"][4:12], *edit)
    done = zg("runs", "watch", run)

    assert (waiting.code, asked["state"]) == (5, "pending")
    assert "\x1b" not in shown.out
    assert "old\\u001b[2J.txt" in shown.out
    assert f"zg runs approve {run} {asked['approval_id']}" in shown.out
    assert (stale.code, "not what was looked at" in stale.err) == (2, True)
    assert (allowed.code, done.code) == (0, 0)
    assert client.job(run).result == "deleted 'new.txt'"


@pytest.mark.heavy
def test_people_refuse_and_answer(zg: Caller, client: Client) -> None:
    cleaning = zg("run", "Clean", "--agent", "cleaner", "--json").document["run_id"]
    asking = zg("run", "Ask", "--agent", "asker", "--json").document["run_id"]
    (call,) = zg("runs", "approvals", cleaning, "--json").document
    (question,) = zg("runs", "approvals", asking, "--json").document
    refused = zg("runs", "reject", cleaning, call["approval_id"], "--reason", "no")
    wrong = zg("runs", "answer", asking, question["interrupt_id"], "green")
    answered = zg("runs", "answer", asking, question["interrupt_id"], "blue")

    assert (refused.code, wrong.code, answered.code) == (0, 2, 0)
    assert client.wait(asking, 10).result == "blue"
    assert client.wait(cleaning, 10).ended
    assert zg("runs", "approvals").out == "nobody is asked anything\n"
    assert zg("runs", "approve", asking, "x").code == 2


# -- The terminal --------------------------------------------------------------------


@pytest.fixture
def terminal(zg: Caller, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm")
    with Terminal() as made:
        yield made


@pytest.mark.heavy
def test_on_a_terminal_steps_are_a_tree(terminal: Terminal) -> None:
    code = terminal.call("run", "Lose", "--workflow", "lossy")
    shown = terminal.read()

    assert code == 4
    for text in ("✓ a", "✗ b", "it went wrong", "✓ c", "degraded in"):
        assert text in shown


def test_who_is_at_the_terminal_is_asked(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", sys.stdin)
    terminal.attend(("[p]ause: ", "what\n"), ("[p]ause: ", "y\n"))
    code = terminal.call("run", "Clean", "--agent", "cleaner")
    shown = terminal.read()

    assert code == 0
    assert "old\\u001b[2J.txt" in shown
    assert "deleted" in shown


def test_ctrl_c_stops_the_run_also_while_it_asks(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    monkeypatch.setattr(sys, "stdin", sys.stdin)
    press = partial(os.kill, os.getpid(), signal.SIGINT)
    terminal.attend(("[p]ause: ", press))
    code = terminal.call("run", "Clean", "--agent", "cleaner")
    shown = terminal.read()

    assert code == 130
    assert "cancelled in" in shown
    assert next(client.jobs()).state == "cancelled"


def test_no_piece_of_an_answer_is_lost_for_being_late() -> None:
    said: list[str] = []
    output = SimpleNamespace(as_json=False, terminal=False, say=said.append)
    about = {"step_id": "a", "message_id": "m"}
    told = [
        *(("message.delta", {"delta": text}) for text in ("one\n", "two ")),
        ("message.completed", {"model": "x"}),
        ("message.delta", {"delta": "three"}),
    ]

    with view_of(output, stream=True) as view:
        for kind, data in told:
            view.show(Event(type=kind, data={**about, **data}))

    assert [line for line in said if "|" in line] == [
        "a | one",
        "a | two ",
        "a | three",
    ]


# -- Which command is called ---------------------------------------------------------


def test_the_option_goes_before_the_variable(
    zg: Caller, monkeypatch: pytest.MonkeyPatch, served: Serving
) -> None:
    monkeypatch.setenv("ZEROGRAVITY_SERVER", "http://127.0.0.1:9")

    assert "writer" in zg("--server", served.address, "agents").out
    assert "writer" not in zg("--server", "none", "agents").out


def test_what_to_call_next_names_the_server_that_the_option_named(
    zg: Caller, monkeypatch: pytest.MonkeyPatch, served: Serving
) -> None:
    monkeypatch.delenv("ZEROGRAVITY_SERVER")
    on_it = ("--server", served.address)

    ended = zg(*on_it, "run", "Write", "--agent", "writer")
    waiting = zg(*on_it, "run", "Ask", "--agent", "asker")

    assert f"\n  zg --server {served.address} runs show job_" in ended.out
    assert f"zg --server {served.address} runs answer job_" in waiting.err


def test_agents_and_tools_are_the_servers(zg: Caller) -> None:
    agents = zg("agents", "--json").document["agents"]
    tools = zg("tools", "--json").document["tools"]

    assert "writer" in {agent["name"] for agent in agents}
    assert {tool["name"]: tool["risk"] for tool in tools}["clean"] == "high"


@pytest.mark.parametrize("name", ["chat", "drill", "providers", "route", "workflows"])
def test_what_is_about_runs_is_not_done_here_instead(name: str, zg: Caller) -> None:
    called = zg(name)

    assert called.code == 2
    assert f"`zg {name}` cannot be done on the server" in called.err
    assert f"zg --server none {name}" in called.err


def test_what_is_about_this_machine_goes_on_unless_it_is_named(zg: Caller) -> None:
    assert zg("config", "--json").code == 0
    assert zg("plugins").code == 0
    assert zg("--server", "https://zg.example.com", "config").code == 2


@pytest.mark.parametrize(
    ("server", "code", "said"),
    [
        ("ftp://zg.example.com", 2, "cannot be done on the server"),
        ("http://zg.example.com", 2, "is not encrypted"),
        ("", 2, "it is empty"),
        ("https://ada:open@zg.example.com", 2, "is no address"),
        ("ftp://ada:open@zg.example.com", 2, "cannot be done on the server"),
    ],
    ids=["scheme", "open", "empty", "password", "password of another"],
)
def test_an_address_that_is_none_is_refused(
    server: str, code: int, said: str, zg: Caller
) -> None:
    called = zg("--server", server, "runs")

    assert (called.code, said in called.err) == (code, True)
    assert "ada:open" not in called.err


def test_a_server_without_a_key_is_not_asked(
    zg: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ZEROGRAVITY_API_KEY")
    missing = zg("agents")
    monkeypatch.setenv("ZEROGRAVITY_API_KEY", "zgk_test_nobodys")
    wrong = zg("agents")

    assert (missing.code, "set ZEROGRAVITY_API_KEY" in missing.err) == (3, True)
    assert wrong.code == 3
    assert "nobodys" not in wrong.err


def test_a_projects_file_names_no_server(zg: Caller) -> None:
    Path("zg.toml").write_text('server = "https://evil.example"\n')

    called = zg("agents")

    assert called.code == 3
    assert "'server'" in called.err


def test_a_strangers_plugin_works_on_servers_of_its_own(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(tmp_path / "site")
    monkeypatch.syspath_prepend(str(site.folder))
    site.install("zg-carrier-pigeon", PIGEON)
    try:
        zg = Caller(capfd)
        called = zg("--server", "pigeon://roof", "run", "Write")
        refused = zg("--server", "pigeon://roof", "runs")
        here = zg("run", "--help")
    finally:
        site.forget()

    assert (called.code, called.out) == (0, "pigeon://roof takes: Write\n")
    assert refused.code == 2
    assert "--replay" in here.out


PIGEON = """
    import click

    import zg_core
    import zg_core.plugin_api as zg

    @click.command()
    @click.argument("objective")
    def fly(objective):
        server = zg_core.current_invocation().server
        click.echo(f"{server} takes: {objective}")

    @zg.hookimpl
    def zg_register_commands():
        return [zg.CommandSpec(name="run", factory=fly, servers=("pigeon",))]
"""
