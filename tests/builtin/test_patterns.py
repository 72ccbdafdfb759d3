"""The guardrail `patterns`: refuses what attacks are made of, and nothing else."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from offering import Offering, flow, say

import zg_core as zg
from zg_plugins_builtin.guardrails.patterns import PATTERNS, Patterns

OBJECTIVE = zg.Inspection(run_id="r", stage="input", subject="objective")


def verdict(text: zg.Json) -> zg.Verdict:
    return Patterns().check(text, OBJECTIVE)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("<script>alert(1)</script>", "script"),
        ("see <SCRIPT\nsrc='x'>", "script"),
        ("a < script >", "script"),
        ("<script/x>", "script"),
        ("never ended <script", "script"),
        ("read ../../etc/passwd", "../"),
        (r"read ..\..\boot.ini", "../"),
        (r"read ..\../x", "../"),
        ("read ..//..//x", "../"),
        ('""""""""""', "quotes or brackets"),
        ("x" + "(" * 12, "quotes or brackets"),
        ("[]{}<>()'\"", "quotes or brackets"),
        ("name' OR '1'='1'", "SQL"),
        ("name' or '1' = '1", "SQL"),
        ("name'\tOr\n' 1 '  =  '1'", "SQL"),
        ("name'OR'1'='1'--", "SQL"),
    ],
)
def test_it_refuses_an_objective_and_says_what_it_holds(text: str, name: str) -> None:
    refused = verdict(f"Build a shop. {text}")

    assert not refused.allow
    assert name in refused.reason
    assert text not in refused.reason


@pytest.mark.parametrize(
    "text",
    [
        "Build a booking site for a yoga studio",
        "Write a script that says 'yes' or 'no'",
        "Explain <scripture> and <manuscript>",
        "Copy ../notes.txt to ./here..",
        "Is 1 = 1 or 2 = 2?",
        "Print ''' and \"\"\" and f(g(h([x])))",
        "Wait ... / then ../ go",
        "",
    ],
)
def test_it_lets_ordinary_objectives_pass_as_they_are(text: str) -> None:
    assert verdict(text) == zg.Verdict(True)


def test_what_is_no_text_is_checked_as_json() -> None:
    assert verdict({"a": [1, "b"]}).allow
    assert not verdict({"a": ["<script>"]}).allow


@given(st.text(st.sampled_from("<>'\"/\\. \nscriptOR1=(["), max_size=60))
def test_it_has_a_verdict_on_any_text(text: str) -> None:
    found = verdict(text)

    assert found.replacement is None
    assert found.allow or text not in found.reason or len(text) < 10


@pytest.mark.parametrize("name", PATTERNS)
@pytest.mark.parametrize(
    "piece",
    [
        "<",
        "< ",
        "<  scrip",
        ".",
        "..",
        "../",
        "..//////",
        "'",
        "' ",
        "' or ",
        "' or '1",
    ],
)
def test_ten_times_the_text_takes_about_ten_times_as_long(
    name: str, piece: str
) -> None:
    def seconds(length: int) -> float:
        text = (piece * length)[:length]
        took = []
        for _ in range(3):
            begun = time.process_time()
            for end in range(20):
                PATTERNS[name].fullmatch(text, 0, length - end)
                PATTERNS[name].search(text.replace("'1' = '1", ""), 0, length - end)
            took.append(time.process_time() - begun)
        return min(took)

    assert seconds(20_000) < 60 * seconds(2_000) + 0.05


@pytest.mark.anyio
async def test_an_engine_refuses_the_run_before_any_agent_begins() -> None:
    async with zg.Engine.open(
        Offering(a=say("ok")),
        config=zg.Config(guardrails_enabled=("patterns",)),
        journal="memory",
        discover=(),
    ) as engine:
        with pytest.raises(zg.GuardrailError, match="a <script> element") as caught:
            await engine.run(flow("a"), "<script>x</script>", run_id="r")
        events = await engine.journal.read("r")
        result = await engine.run(flow("a"), "Use ' and ..")

    assert caught.value.details["guardrail"] == "builtin:patterns"
    assert not any(isinstance(event, zg.StepStarted) for event in events)
    assert result.output == "ok"
