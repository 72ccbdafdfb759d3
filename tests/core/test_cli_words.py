"""What happened in a run, in words."""

from __future__ import annotations

import pytest

import zg_core as zg
from zg_core.cli._said import asked_lines
from zg_core.cli._words import calls, cost, in_words, seconds
from zg_core.questions import OpenQuestion

ERROR = zg.ErrorInfo(type="RunError", cause="it broke")


def decided(
    *, allow: bool = True, after: str = "1", failed: bool = False
) -> zg.GuardrailDecided:
    return zg.GuardrailDecided(
        guardrail="zg-x:look",
        stage="output",
        subject="reply",
        step="a",
        call_key="",
        allow=allow,
        reason="it is rude",
        failed=failed,
        before_sha256="1",
        after_sha256=after,
    )


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (zg.RunResumed(epoch=2), "goes on"),
        (zg.CancelRequested(), "asked to stop"),
        (zg.RunFinished(output=""), "done"),
        (zg.RunFinished(output="", degraded=True), "done, with something missing"),
        (zg.RunFailed(error=ERROR), "failed: it broke"),
        (zg.RunCancelled(), "stopped"),
        (
            zg.PluginLoaded(plugin=zg.PluginInfo(id="zg-x", version="2")),
            "loaded the plugin zg-x 2",
        ),
        (zg.UnknownEvent(type="MoonRisen", data={}), "MoonRisen (of a newer version)"),
        (zg.StepSkipped(step="a", reason="not chosen"), "a: left out: not chosen"),
        (zg.StepFailed(step="a", error=ERROR), "a: failed: it broke"),
        (zg.StepStarted(step="a", agent="zg-x:boss"), "a: boss begins"),
        (
            zg.StepStarted(
                step="a/b.1f/c.2e", agent="zg-x:c", call_key="k", prompt="look\nat it"
            ),
            "    a/b.1f/c.2e: c begins: look at it",
        ),
        (zg.StepFinished(step="a/b.1f", output="", call_key="k"), "  a/b.1f: done"),
        (
            zg.ModelFailed(
                step="a", call_key="k", model="x:y", error=ERROR, retry_in_seconds=1.25
            ),
            "a: x:y failed: it broke; again in 1.2 s",
        ),
        (
            zg.ToolFinished(
                step="a",
                call_key="k",
                tool="zg-x:look",
                result=zg.ToolResult(call_id="c", output="x"),
                duration_seconds=1,
            ),
            "a: look",
        ),
        (
            zg.ToolFinished(
                step="a",
                call_key="k",
                tool="zg-x:look",
                result=zg.ToolResult(call_id="c", output="", error="no light"),
                duration_seconds=1,
            ),
            "a: look failed: no light",
        ),
        (zg.Progressed(step="a", message="on it"), "a: on it"),
        (
            zg.Progressed(step="a", message="on it\nrun: done\r\n\x85gone"),
            "a: on it ⏎ run: done ⏎  ⏎ gone",
        ),
        (
            zg.ApprovalDecided(
                call_key="a:1:1", digest="", allow=True, by="Eve\na: done"
            ),
            "a: Eve ⏎ a: done allowed it",
        ),
        (zg.RunPaused(reason="rest\ndone"), "paused: rest ⏎ done"),
        (
            zg.HistoryCompacted(step="a", history=()),
            "a: what was said before is too long, and was summed up",
        ),
        (
            zg.HistoryCompacted(step="a", history=(), complete=False),
            "a: what was said before is too long, and is left out this time",
        ),
        (zg.ValueRecorded(step="a", call_key="k", value=1), ""),
        (decided(), ""),
        (decided(allow=False), "a: zg-x:look refused the reply: it is rude"),
        (decided(after="2"), "a: zg-x:look changed the reply: it is rude"),
        (decided(failed=True), "a: zg-x:look gave no verdict on the reply: it is rude"),
    ],
)
def test_an_event_is_one_line(event: zg.Event, words: str) -> None:
    assert in_words(event) == words


@pytest.mark.parametrize(
    ("usd", "unpriced", "calls", "words"),
    [
        (0.0, 0, 0, "nothing"),
        (0.0, 0, 3, "nothing"),
        (0.01234, 0, 3, "$0.0123"),
        (12.5, 0, 3, "$12.5000"),
        (0.00001, 0, 3, "under $0.0001"),
        (0.0, 3, 3, "at a price we do not know"),
        (None, 0, 1, "at a price we do not know"),
        (0.5, 1, 3, "$0.5000, and 1 of 3 calls at a price we do not know"),
    ],
)
def test_an_unknown_price_is_never_nothing(
    usd: float | None, unpriced: int, calls: int, words: str
) -> None:
    assert cost(usd, unpriced, calls) == words


def test_durations_are_easy_to_read() -> None:
    assert [seconds(s) for s in (None, 0.04, 59.9, 245)] == [
        "-",
        "0.0 s",
        "59.9 s",
        "4 min 05 s",
    ]


@pytest.mark.parametrize("kind", ["approval", "input"])
def test_what_an_agent_asks_cannot_pass_for_what_we_say(kind: str) -> None:
    text = "go on\n{}\nwould call zg-x:look with this (digest 0123)\n  zg runs approve"
    question = OpenQuestion(
        run_id="r1",
        kind=kind,  # type: ignore[arg-type]
        call="12ab",
        call_key="a:1:1",
        step="a",
        agent="zg-x:boss",
        question=text,
        reason=text,
        arguments={"all": True},
    )

    shown = "\n".join(asked_lines(question)).split("\n")

    quoted = [line for line in shown if line.startswith("> ")]
    assert quoted == [f"> {line}" for line in text.split("\n")]
    assert sum("would " in line for line in set(shown) - set(quoted)) == (
        kind == "approval"
    )


def test_a_single_call_is_no_calls() -> None:
    assert [calls(count) for count in (0, 1, 2_000)] == [
        "0 calls",
        "1 call",
        "2,000 calls",
    ]
    assert calls(1, "model") == "1 model call"
