"""The guardrail masks addresses, and nothing else."""

from __future__ import annotations

import pytest
import zg_core as zg

from zg_example.guardrails import MASK, ExampleGuardrail

HERE = zg.Inspection(run_id="run", stage="output", subject="reply", step="work")


@pytest.mark.parametrize(
    ("payload", "masked"),
    [
        ("Ask ada@lovelace.org.", f"Ask {MASK}."),
        ({"to": ["ada@lovelace.org", 1]}, {"to": [MASK, 1]}),
    ],
)
def test_addresses_are_masked(payload: zg.Json, masked: zg.Json) -> None:
    verdict = ExampleGuardrail().check(payload, HERE)

    assert verdict.allow
    assert verdict.replacement == masked


@pytest.mark.parametrize("payload", ["", "a @ b", "@decorator", {"n": 1}, None])
def test_what_has_none_passes_as_it_is(payload: zg.Json) -> None:
    assert ExampleGuardrail().check(payload, HERE) == zg.Verdict(True)
