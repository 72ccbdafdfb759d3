"""People decide in ``zg``: in commands, and asked at the terminal.

One file, since a command and a terminal decide the same questions.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from pathlib import Path

import anyio
import pytest
from calling import Caller
from hypothesis import given
from hypothesis import strategies as st
from installing import Site
from terminals import Terminal

import zg_core as zg_api
from zg_core.cli._exactly import exactly
from zg_core.config import user_file

pytestmark = pytest.mark.heavy

SHOP = '''
    import json
    from pathlib import Path
    import zg_core as zg

    @zg.tool(requires_approval=True, effect="once")
    def pay(amount: int, note: str = "") -> str:
        """Pay."""
        with Path("paid.txt").open("a") as file:
            file.write(f"{amount}\\n")
        return f"paid {amount}"

    class Buyer:
        async def run(self, ctx):
            told = await ctx.call_tool("pay", {"amount": 3, "note": NOTE})
            return zg.Reply(output=told.output or told.error)

    class Asker:
        async def run(self, ctx):
            colour = await ctx.ask("Which colour?", {"enum": ["red", "blue"]})
            return zg.Reply(output=f"it is {colour}")

    class Namer:
        async def run(self, ctx):
            plain = await ctx.ask("Whose?", {"type": "string"})
            chosen = await ctx.ask("Which?", {"type": "string", "enum": ["a", "b"]})
            number = await ctx.ask("How many?", {"enum": ["1", "2"]})
            return zg.Reply(output=[plain, chosen, number])

    class Leaver:
        async def run(self, ctx):
            return zg.Reply(output=await ctx.approve("leave the house", {}))

    NOTE = "for \\u202eyou\\u001b[2J"

    @zg.hookimpl
    def zg_register_tools():
        return [pay]

    @zg.hookimpl
    def zg_register_agents():
        return [
            zg.AgentSpec(name="buyer", factory=Buyer),
            zg.AgentSpec(name="asker", factory=Asker),
            zg.AgentSpec(name="namer", factory=Namer),
            zg.AgentSpec(name="leaver", factory=Leaver),
        ]
'''
LEAVE, ANSWER = "[p]ause: ", "pauses the run): "
BUY = ("run", "x", "--agent", "buyer")
RESUME = ("runs", "resume", "last")
PAID = Path("paid.txt")


@pytest.fixture(autouse=True)
def shop(play: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    play.install("zg-shop", SHOP)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", sys.stdin)


def paused(zg: Caller, *command: str) -> str:
    """Do a run until it is paused, and return the name of the call that waits."""
    called = zg(*command)
    assert called.code == 5
    (question,) = zg("runs", "approvals", "last", "--json").document
    return str(question["call"])


# -- Commands --------------------------------------------------------------------------


def test_a_run_that_waits_says_how_it_goes_on(zg: Caller) -> None:
    called = zg(*BUY)
    (run,) = zg("runs", "--json").document
    run_id = run["run_id"]
    call = zg("runs", "approvals", "--json").document[0]["call"]

    assert called.code == 5
    assert f"zg runs approve {run_id} {call}" in called.err
    assert f"go on with: zg runs resume {run_id}" in called.err
    assert (run["status"], run["owned"]) == ("paused", False)
    assert not PAID.exists()


def test_as_json_the_result_has_the_question_and_nothing_is_beside_it(
    zg: Caller,
) -> None:
    called = zg(*BUY, "--json")

    assert called.code == 5
    assert called.document["status"] == "paused"
    (question,) = called.document["questions"]
    assert question["arguments"]["amount"] == 3
    assert "zg runs resume" in called.err


def test_what_is_asked_is_shown_without_what_a_terminal_obeys(zg: Caller) -> None:
    zg(*BUY)
    shown = zg("runs", "approvals").out

    assert r'"note": "for \u202eyou\u001b[2J"' in shown
    assert "zg-shop:pay" in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_what_is_allowed_is_done(zg: Caller) -> None:
    call = paused(zg, *BUY)
    allowed = zg("runs", "approve", "last", call, "--by", "Ann", "--json")
    resumed = zg("runs", "resume", "last")

    assert allowed.document["status"] == "paused"
    assert allowed.document["waiting"] == 0
    assert resumed.code == 0
    assert "paid 3" in resumed.out
    assert PAID.read_text() == "3\n"


def test_what_is_allowed_may_be_edited(zg: Caller) -> None:
    call = paused(zg, *BUY)
    Path("less.json").write_text('{"amount": 1}')
    wrong = zg("runs", "approve", "last", call, "--edit", "[1]")
    misfit = zg("runs", "approve", "last", call, "--edit", '{"amount": "1"}')
    nowhere = zg("runs", "approve", "last", call, "--edit", "@none.json")
    right = zg("runs", "approve", "last", call, "--edit", "@less.json")
    zg("runs", "resume", "last")

    assert (wrong.code, misfit.code, right.code) == (2, 2, 0)
    assert "no JSON object" in wrong.err
    assert "'none.json' cannot be read: No such file or directory\n" in nowhere.err
    assert "amount: '1' is not of type 'integer'" in misfit.err
    assert PAID.read_text() == "1\n"


def test_what_is_refused_is_not_done(zg: Caller) -> None:
    call = paused(zg, *BUY)
    zg("runs", "reject", "last", call[:4], "--reason", "too dear")
    resumed = zg("runs", "resume", "last")

    assert "a person did not allow it: too dear" in resumed.out
    assert not PAID.exists()


def test_a_question_is_answered(zg: Caller) -> None:
    call = paused(zg, "run", "x", "--agent", "asker")
    wrong = zg("runs", "answer", "last", call, "pink")
    right = zg("runs", "answer", "last", call, "blue")

    assert wrong.code == 2
    assert "'pink' is not one of ['red', 'blue']" in wrong.err
    assert right.code == 0
    assert "it is blue" in zg("runs", "resume", "last").out


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        (("approve", "last", "nope"), "asks nothing about a call 'nope'"),
        (("reject", "last", "nope"), "asks nothing about a call 'nope'"),
        (("approve", "nope", "x"), "there is no run 'nope'"),
        (("approvals", "nope"), "there is no run 'nope'"),
    ],
)
def test_what_is_not_there_cannot_be_decided(
    zg: Caller, command: tuple[str, ...], problem: str
) -> None:
    zg(*BUY)
    called = zg("runs", *command)

    assert called.code == 2
    assert problem in called.err


def test_something_else_than_was_looked_at_is_not_allowed(zg: Caller) -> None:
    call = paused(zg, *BUY)
    called = zg("runs", "approve", "last", call, "--digest", "0" * 64)

    assert called.code == 2
    assert "is not what was looked at" in called.err


@pytest.mark.parametrize(("digits", "code"), [(11, 2), (12, 0), (13, 0), (64, 0)])
def test_a_digest_may_be_named_as_far_as_it_is_shown(
    zg: Caller, digits: int, code: int
) -> None:
    call = paused(zg, *BUY)
    (question,) = zg("runs", "approvals", "--json").document
    digest = question["digest"]

    assert f"(digest {digest[:12]})" in zg("runs", "approvals").out
    called = zg("runs", "approve", "last", call, "--digest", digest[:digits])
    assert called.code == code


def test_another_digest_that_is_short_is_not_what_was_looked_at(zg: Caller) -> None:
    call = paused(zg, *BUY)
    called = zg("runs", "reject", "last", call, "--digest", "0" * 12)

    assert called.code == 2
    assert "is not what was looked at" in called.err


def test_an_answer_may_be_text_or_json_and_it_is_said_what_it_must_be(
    zg: Caller,
) -> None:
    wanted = []
    for value in ('"Ann"', '"b"', "2"):
        call = paused(zg, *(("run", "x", "--agent", "namer") if not wanted else RESUME))
        wanted.append(zg("runs", "approvals").out.splitlines()[3].strip())
        assert zg("runs", "answer", "last", call, value).code == 0
    done = zg(*RESUME, "--json")

    assert wanted == ["as text", "one of: a, b", "one of: 1, 2"]
    assert done.document["result"] == ['"Ann"', "b", "2"]


def test_once_all_is_answered_a_run_waits_for_nobody(zg: Caller) -> None:
    call = paused(zg, *BUY)
    zg("runs", "approve", "last", call)
    shown, watched = zg("runs", "show", "last"), zg("runs", "watch", "last")

    assert "paused: its questions are answered\n" in shown.out
    assert "zg runs resume run_" in shown.out
    assert "is paused: its questions are answered\ngo on with: zg runs resume" in (
        watched.err
    )


def test_a_run_that_was_cut_off_is_called_so_and_how_it_goes_on_is_said(
    zg: Caller,
) -> None:
    call = paused(zg, *BUY)
    (run,) = zg("runs", "--json").document
    die_resuming(run["run_id"])
    allowed, shown = zg("runs", "approve", "last", call), zg("runs", "show", "last")

    go_on = f"zg runs resume {run['run_id']}\n"
    assert allowed.out == (
        f"allowed; run {run['run_id']} is cut off\ngo on with: {go_on}"
    )
    assert "\ncut off: 0 model calls" in shown.out
    assert shown.out.endswith(go_on)


def die_resuming(run_id: str) -> None:
    """Leave a run as an engine does that died once it had taken it up."""

    async def work() -> None:
        async with zg_api.Engine.open() as engine:
            events = await engine.journal.read(run_id)
            epoch = await engine.journal.claim(run_id)
            latest = events[-1]
            taken_up = zg_api.RunResumed(seq=latest.seq + 1, at=latest.at, epoch=epoch)
            await engine.journal.append(run_id, epoch, [taken_up])
            await engine.journal.release(run_id, epoch)

    anyio.run(work)


def test_a_run_that_waits_is_not_forgotten_by_the_way(zg: Caller) -> None:
    paused(zg, *BUY)
    named = zg("runs", "rm", "last")
    old = zg("runs", "rm", "--older-than", "0h")
    meant = zg("runs", "rm", "last", "--yes")

    assert named.code == 2
    assert "is paused, and waits for people" in named.err
    assert "--yes" in named.err
    assert old.out == "forgot 0 runs\n"
    assert meant.out == "forgot 1 run\n"


def test_a_decision_is_made_once(zg: Caller) -> None:
    call = paused(zg, *BUY)
    zg("runs", "reject", "last", call, "--by", "Ann")
    called = zg("runs", "approve", "last", call)

    assert called.code == 2
    assert "was decided before: refused by Ann" in called.err


def test_nobody_is_asked_where_nobody_may_be(zg: Caller) -> None:
    called = zg(*BUY, "--approve", "never")

    assert called.code == 0
    assert "nobody may be asked" in called.out
    assert zg("runs", "approvals").out == "nobody is asked anything\n"


def test_the_users_file_says_who_is_asked_and_no_project_does(zg: Caller) -> None:
    user_file().parent.mkdir(parents=True, exist_ok=True)
    user_file().write_text('approve = "never"\n')
    never = zg(*BUY)
    Path("zg.toml").write_text('approve = "never"\n')
    refused = zg(*BUY)

    assert never.code == 0
    assert refused.code == 3
    assert "approve" in refused.err


def test_what_happened_and_who_decided_is_told(zg: Caller) -> None:
    call = paused(zg, *BUY)
    shown = zg("runs", "show", "last")
    zg("runs", "approve", "last", call, "--by", "Ann", "--reason", "fine")
    zg("runs", "resume", "last")
    happened = zg("runs", "show", "last", "--events").out
    explained = zg("runs", "explain", "last").out

    assert "paused: a question waits for a person" in shown.out
    assert f"zg runs approve {zg('runs', '--json').document[0]['run_id']} {call}" in (
        shown.out
    )
    assert "a person is asked about pay" in happened
    assert "Ann allowed it: fine" in happened
    assert re.search(r"Ann +- +allowed +zg-shop:pay +fine", explained)


# -- Asked at the terminal -------------------------------------------------------------


def test_at_a_terminal_a_person_is_asked_at_once(terminal: Terminal) -> None:
    terminal.attend((LEAVE, "perhaps\n"), (LEAVE, "y\n"))
    code = terminal.call(*BUY)

    shown = terminal.read()
    assert code == 0
    assert r'"note": "for \u202eyou\u001b[2J"' in shown
    assert "would call zg-shop:pay with this" in shown
    assert "paid 3" in shown
    assert PAID.read_text() == "3\n"


def test_at_a_terminal_a_person_says_no_and_why(terminal: Terminal) -> None:
    terminal.attend((LEAVE, "n\n"), ("is told): ", "too dear\n"))
    code = terminal.call(*BUY)

    assert code == 0
    assert "a person did not allow it: too dear" in terminal.read()
    assert not PAID.exists()


def test_at_a_terminal_a_person_edits(terminal: Terminal) -> None:
    terminal.attend(
        (LEAVE, "e\n"),
        ("or @FILE: ", '{"amount": "one"}\n'),
        (LEAVE, "e\n"),
        ("or @FILE: ", '{"amount": 1}\n'),
    )
    code = terminal.call(*BUY)

    assert code == 0
    assert "'one' is not of type 'integer'" in terminal.read()
    assert PAID.read_text() == "1\n"


def test_at_a_terminal_a_run_is_put_aside_and_asked_about_again(
    zg: Caller, terminal: Terminal
) -> None:
    terminal.attend((LEAVE, "p\n"), (LEAVE, "y\n"))
    first = terminal.call(*BUY)
    second = terminal.call("runs", "resume", "last")

    assert (first, second) == (5, 0)
    assert "paused" in terminal.read()
    assert PAID.read_text() == "3\n"


def test_at_a_terminal_a_question_is_answered(terminal: Terminal) -> None:
    terminal.attend((ANSWER, "pink\n"), (ANSWER, "red\n"))
    code = terminal.call("run", "x", "--agent", "asker")

    shown = terminal.read()
    assert code == 0
    assert "'pink' is not one of" in shown
    assert "it is red" in shown


def test_ctrl_c_at_a_question_stops_the_run_and_the_question_stays(
    zg: Caller, terminal: Terminal
) -> None:
    terminal.attend((LEAVE, lambda: os.kill(os.getpid(), signal.SIGINT)))
    stopped = terminal.call(*BUY)
    assert "answered elsewhere" not in terminal.read()
    resumed = zg("runs", "resume", "last")
    events = zg("runs", "show", "last", "--events", "--json").document

    assert (stopped, resumed.code) == (130, 5)
    assert [e["type"] for e in events].count("ApprovalRequested") == 1
    assert not PAID.exists()


def test_a_question_that_is_answered_elsewhere_is_not_asked_any_more(
    terminal: Terminal, play: Site
) -> None:
    def elsewhere() -> None:
        import anyio

        import zg_core as zg_api

        async def reject() -> None:
            async with zg_api.Engine.open() as engine:
                (question,) = await engine.pending()
                await engine.reject(question.run_id, question.call)

        anyio.run(reject)

    terminal.attend((LEAVE, elsewhere))
    code = terminal.call(*BUY)

    assert code == 0
    assert "it was answered elsewhere" in terminal.read()
    assert not PAID.exists()


def test_at_a_terminal_it_is_said_that_nobody_answered_in_time(
    terminal: Terminal,
) -> None:
    user_file().parent.mkdir(parents=True, exist_ok=True)
    user_file().write_text("approvals.expire_seconds = 1\n")
    terminal.attend()
    code = terminal.call(*BUY)

    shown = terminal.read()
    assert code == 0
    assert "nobody answered in time" in shown
    assert "answered elsewhere" not in shown


def test_where_an_agent_asks_for_leave_there_is_nothing_to_edit(
    terminal: Terminal,
) -> None:
    only = "[y]es, [n]o, [p]ause: "
    terminal.attend((only, "e\n"), (only, "y\n"))
    code = terminal.call("run", "x", "--agent", "leaver")

    shown = terminal.read()
    assert code == 0
    assert "[e]dit" not in shown
    assert "true" in shown


# -- What is shown ---------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(value=JSON)
def test_what_is_shown_is_what_there_is_and_nothing_a_terminal_obeys(
    value: object,
) -> None:
    shown = exactly(value)  # type: ignore[arg-type]

    assert json.loads(shown) == value
    assert all(letter.isprintable() or letter == "\n" for letter in shown)
