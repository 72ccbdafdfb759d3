"""``zg chat``: messages in, answers out, and every way in which it can end.

One file, since it is one command.
"""

from __future__ import annotations

import io
import json
import os
import pty
import select
import subprocess
import sys
from pathlib import Path

import anyio
import pytest
from calling import Caller
from installing import Site
from terminals import Terminal

import zg_core as zg_api
from zg_core.config import user_file

_READY = "\x1b[?12l\x1b[?25h"
"""What shows the cursor again, once the prompt is there."""

pytestmark = [pytest.mark.heavy, pytest.mark.usefixtures("play")]


def recorded() -> list[zg_api.RunSummary]:
    async def read() -> list[zg_api.RunSummary]:
        async with zg_api.Engine.open() as engine:
            return await engine.journal.list()

    return anyio.run(read)


def type_in(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    text = "".join(f"{line}\n" for line in lines)
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def test_each_line_is_a_message_and_gets_an_answer(
    zg: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    type_in(monkeypatch, "hello", "", "and again")

    called = zg("chat")

    latest, first = recorded()
    assert called.code == 0
    assert called.out == "Answer 1.\nAnswer 2.\n"
    assert called.err.splitlines() == [
        "model play:toy (from environment ZG_MODEL)",
        "you talk with assistant; /help lists what to type",
        f"go on with: zg chat --continue {latest.run_id}",
    ]
    assert (first.objective, latest.objective) == ("hello", "and again")


def test_with_json_each_answer_is_a_line(
    zg: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    type_in(monkeypatch, "one", "two")

    called = zg("chat", "--json")

    answers = [json.loads(line) for line in called.out.splitlines()]
    assert [answer["answer"] for answer in answers] == ["Answer 1.", "Answer 2."]
    assert [answer["unpriced_calls"] for answer in answers] == [0, 0]
    assert answers[1]["run_id"] == recorded()[0].run_id


def test_an_answer_of_which_nothing_was_shown_does_not_begin_anew(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    type_in(monkeypatch, "one")

    code = terminal.call("drill", "--inject", "500:0@1", "--", "chat")

    from zg_play import requests

    assert (code, requests) == (1, [])
    assert "the answer begins anew" not in terminal.read()
    [chat] = recorded()
    assert calls_of(chat) > 1


def calls_of(run: zg_api.RunSummary) -> int:
    async def read() -> int:
        async with zg_api.Engine.open() as engine:
            events = await engine.journal.read(run.run_id)
        return sum(isinstance(event, zg_api.ModelCalled) for event in events)

    return anyio.run(read)


def test_a_conversation_is_taken_up_where_it_ended(
    zg: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    type_in(monkeypatch, "one")
    zg("chat")
    type_in(monkeypatch, "two")

    called = zg("chat", "--continue", "last")

    assert called.out == "> one\n\nAnswer 1.\n\nAnswer 2.\n"
    from zg_play import requests  # type: ignore[import-not-found]

    assert [m.text for m in requests[-1].messages[1:]] == ["one", "Answer 1.", "two"]


def test_with_json_each_error_is_a_line_and_an_unknown_price_is_counted(
    zg: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = "/agent nobody", "/agent play-fail", "x"
    type_in(monkeypatch, *wrong, "/agent assistant", "/model dear", "y")

    called = zg("chat", "--json")

    unknown, failed, answer = map(json.loads, called.out.splitlines())
    assert unknown["error"]["type"] == "UnknownNameError"
    assert failed["error"]["cause"] == "it went wrong"
    assert (answer["cost_usd"], answer["unpriced_calls"]) == (0, 1)


def test_after_a_stopped_answer_a_conversation_goes_on_from_the_one_before(
    zg: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    type_in(monkeypatch, "one", "/agent play-interrupted", "two")
    zg("chat")
    stopped, answered = recorded()
    type_in(monkeypatch, "three")

    called = zg("chat", "--continue", "last", "--agent", "assistant")

    from zg_play import requests

    assert called.code == 0
    assert called.out == "> one\n\nAnswer 1.\n\nAnswer 2.\n"
    assert f"run {stopped.run_id} is cancelled, and has no answer" in called.err
    assert f"this goes on from run {answered.run_id}, which has" in called.err
    assert [m.text for m in requests[-1].messages[1:]] == ["one", "Answer 1.", "three"]


def test_a_conversation_without_any_answer_begins_anew_and_says_so(
    zg: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    type_in(monkeypatch, "one")
    zg("chat", "--agent", "play-interrupted")
    type_in(monkeypatch, "/agent assistant", "two")

    called = zg("chat", "--continue", "last")

    from zg_play import requests

    assert (called.code, called.out) == (0, "Answer 1.\n")
    assert "nothing was said before it: this is a new conversation" in called.err
    assert [m.text for m in requests[-1].messages[1:]] == ["two"]


def test_an_answer_that_is_nothing_is_shown_as_nothing(
    zg: Caller, monkeypatch: pytest.MonkeyPatch, play: Site
) -> None:
    play.install("zg-mute", MUTE)
    type_in(monkeypatch, "one")
    first = zg("chat", "--agent", "mute")
    type_in(monkeypatch)

    assert first.out == "\n"
    assert zg("chat", "--continue", "last").out == "> one\n\n\n\n"


@pytest.mark.parametrize("ends", ["play-quiet", "play-interrupted"])
def test_a_conversation_is_taken_up_with_the_agent_of_its_end(
    zg: Caller, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    type_in(monkeypatch, "one", f"/agent {ends}", "two")
    zg("chat")
    type_in(monkeypatch)

    assert f"you talk with {ends}" in zg("chat", "--continue", "last").err
    named = zg("chat", "--continue", "last", "--agent", "assistant")
    assert "you talk with assistant" in named.err


def test_a_new_conversation_knows_nothing_of_the_one_before(
    zg: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    type_in(monkeypatch, "one", "/new", "two")

    called = zg("chat")

    from zg_play import requests

    assert "this is a new conversation" in called.err
    assert [m.text for m in requests[-1].messages[1:]] == ["two"]


def test_agent_and_model_can_be_changed_on_the_way(
    zg: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = "/agent nobody", "/model no:m"
    type_in(monkeypatch, "/agent play-quiet", "x", *wrong, "/cost")

    called = zg("chat")

    assert called.code == 0
    assert called.out == "nothing to say\n"
    assert "you talk with play-quiet" in called.err
    assert "error: there is no agent named 'nobody'" in called.err
    assert "error: there is no provider named 'no'" in called.err
    assert "0 calls, 0 tokens, cost nothing" in called.err


def test_what_is_not_known_is_said_and_what_is(
    zg: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    type_in(monkeypatch, "/what", "/agent", "/exit", "never asked")

    called = zg("chat")

    assert "there is no /what; what there is:" in called.err
    assert "/agent NAME   talk with another agent" in called.err
    assert "/help         list these" in called.err
    assert "name one: /agent NAME" in called.err
    assert recorded() == []


def test_a_message_may_begin_with_a_stroke(
    zg: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = ["/etc/hosts is what?", "//etc", "/2 of it", " /tmp is full"]
    type_in(monkeypatch, *said)

    zg("chat")

    assert [run.objective for run in reversed(recorded())] == said


def test_an_answer_that_fails_does_not_end_the_conversation(
    zg: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    type_in(monkeypatch, "/agent play-fail", "x", "/agent assistant", "y")

    called = zg("chat")

    assert called.code == 0
    assert "error: it went wrong\n  try something else" in called.err
    assert called.out == "Answer 1.\n"


def test_a_conversation_whose_last_answer_failed_says_so(
    zg: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    type_in(monkeypatch, "x")

    assert zg("chat", "--agent", "play-fail").code == 1


def test_limits_are_those_of_all_answers_together(
    zg: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    type_in(monkeypatch, "one", "two", "three")

    called = zg("chat", "--max-calls", "2")

    assert called.out == "Answer 1.\nAnswer 2.\n"
    assert "error: the conversation has spent what it may" in called.err
    assert len(recorded()) == 2


def test_limits_of_the_step_are_those_of_all_answers_as_well(
    zg: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    type_in(monkeypatch, "one", "two", "three")

    called = zg("chat", "--max-calls", "chat=2", "--timeout", "chat=60")

    assert called.out == "Answer 1.\nAnswer 2.\n"
    assert "error: the conversation has spent what it may" in called.err
    assert [kept_of(run)["chat"] for run in recorded()] == [
        zg_api.Limits(calls=1, seconds=60),
        zg_api.Limits(calls=2, seconds=60),
    ]


def kept_of(run: zg_api.RunSummary) -> dict[str, zg_api.Limits]:
    async def read() -> dict[str, zg_api.Limits]:
        async with zg_api.Engine.open() as engine:
            accepted = (await engine.journal.read(run.run_id))[0]
        assert isinstance(accepted, zg_api.RunAccepted)
        return accepted.options.step_limits

    return anyio.run(read)


def test_a_limited_step_that_there_is_not_is_refused_before_anything_is_said(
    zg: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    type_in(monkeypatch, "one")

    called = zg("chat", "--max-usd", "assistant=1")

    assert (called.code, called.out, recorded()) == (2, "", [])
    assert "workflow 'chat' has no step 'assistant' that could be lim" in called.err
    assert "did you mean 'chat'?" in called.err


@pytest.mark.parametrize(
    ("arguments", "code", "cause"),
    [
        (("--agent", "nobody"), 2, "there is no agent named 'nobody'"),
        (("--model", "nobody:x"), 2, "there is no provider named 'nobody'"),
        (("--continue", "run_none"), 2, "there is no run 'run_none'"),
    ],
)
def test_what_cannot_be_talked_with_is_said_at_once(
    zg: Caller, arguments: tuple[str, ...], code: int, cause: str
) -> None:
    called = zg("chat", *arguments)

    assert (called.code, called.out) == (code, "")
    assert f"error: {cause}" in called.err


MUTE = """
    import zg_core as zg

    class Mute:
        async def run(self, ctx):
            return zg.Reply(output=None)

    @zg.hookimpl
    def zg_register_agents():
        return [zg.AgentSpec(name="mute", factory=Mute)]
"""


def test_what_is_left_out_of_an_answer_is_said_and_not_forgotten(
    zg: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = "a" * 20_000
    user_file().parent.mkdir(parents=True, exist_ok=True)
    user_file().write_text('compactor = "play-fail"\n')
    type_in(monkeypatch, long, "and again")
    left_out = zg("chat")
    user_file().write_text('compactor = "play-quiet"\n')
    type_in(monkeypatch, "once more")
    summed_up = zg("chat", "--continue", "last")

    assert "what was before is left out this time" in left_out.err
    shown = zg("runs", "show", recorded()[1].run_id).out
    assert "missing: what was said before, for step chat" in shown
    assert "summed up what was before" in summed_up.err


class Typist:
    """Types into a ``zg chat`` that runs in a terminal of its own."""

    def __init__(self, site: Path, *arguments: str) -> None:
        self._side, other = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "zg_core.cli", "chat", *arguments],
            stdin=other,
            stdout=other,
            stderr=other,
            start_new_session=True,
            preexec_fn=lambda: os.login_tty(os.dup(other)),
            env={
                **os.environ,
                "PYTHONPATH": str(site),
                "TERM": "xterm",
                "PROMPT_TOOLKIT_NO_CPR": "1",
            },
        )
        os.close(other)
        self._shown = ""

    def type(self, text: str) -> None:
        os.write(self._side, text.encode())

    def wait_for(self, text: str) -> None:
        """Wait until something has been shown since what was waited for before."""
        while text not in self._shown:
            ready, _, _ = select.select([self._side], [], [], 60)
            assert ready, f"{text!r} was not shown: {self._shown!r}"
            self._shown += os.read(self._side, 65536).decode(errors="replace")
        self._shown = self._shown.partition(text)[2]


@pytest.mark.heavy
def test_ctrl_c_stops_the_answer_and_not_the_conversation(play: Site) -> None:
    typist = Typist(play.folder, "--agent", "play-wait")
    typist.wait_for(_READY)
    typist.type("x\r")
    while not recorded():
        assert typist.process.poll() is None
    typist.type("\x03")
    typist.wait_for("(stopped)")
    typist.wait_for(_READY)
    typist.type("/agent play-quiet\r")
    typist.wait_for("you talk with")
    typist.wait_for(_READY)
    typist.type("first line\x1b\rsecond line\r")
    typist.wait_for("nothing to say")
    typist.wait_for(_READY)
    typist.type("\x04")

    assert typist.process.wait(30) == 0
    assert recorded()[0].objective == "first line\nsecond line"


BUYER = '''
    import zg_core as zg

    @zg.tool(requires_approval=True)
    def pay(amount: int) -> str:
        """Pay."""
        return f"paid {amount}"

    class Buyer:
        async def run(self, ctx):
            told = await ctx.call_tool("pay", {"amount": 3})
            return zg.Reply(output=told.output or told.error)

    @zg.hookimpl
    def zg_register_tools():
        return [pay]

    @zg.hookimpl
    def zg_register_agents():
        return [zg.AgentSpec(name="buyer", factory=Buyer)]
'''


@pytest.mark.heavy
def test_a_person_is_asked_within_the_conversation(play: Site) -> None:
    play.install("zg-shop", BUYER)
    typist = Typist(play.folder, "--agent", "buyer")
    typist.wait_for(_READY)
    typist.type("buy it\r")
    typist.wait_for("would call zg-shop:pay with this")
    typist.wait_for("[p]ause: ")
    typist.type("y\n")
    typist.wait_for("paid 3")
    typist.wait_for(_READY)
    typist.type("\x04")

    assert typist.process.wait(30) == 0
