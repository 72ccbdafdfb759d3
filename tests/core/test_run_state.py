"""States of a run, and how one is made of another."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from zg_core._run_state import StepState, updated

STEP = StepState(name="draft", agent="builtin:engineer", calls=2)


def test_an_updated_state_is_what_replace_would_make() -> None:
    changes: dict[str, Any] = {"status": "finished", "output": {"a": 1}, "calls": 3}

    assert updated(STEP, **changes) == replace(STEP, **changes)


def test_an_updated_state_leaves_the_one_before_as_it_was() -> None:
    before = replace(STEP)

    updated(STEP, status="failed", calls=9)

    assert before == STEP


def test_an_updated_state_cannot_be_changed_either() -> None:
    state = updated(STEP, calls=3)

    with pytest.raises(FrozenInstanceError):
        state.calls = 4  # type: ignore[misc]
