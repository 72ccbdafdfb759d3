"""The agent does what it says, with a model that answers from a list."""

from __future__ import annotations

from pathlib import Path

from zg_core.testing import ScriptedProvider, run_offline

import zg_example.plugin


def test_the_answer_is_the_reply_and_a_file(tmp_path: Path) -> None:
    model = ScriptedProvider("Rain, probably.")

    result = run_offline(
        "example", "And tomorrow?", zg_example.plugin, answers=model, out=tmp_path
    )

    assert result.output == "Rain, probably."
    assert (tmp_path / "answer.md").read_text() == "Rain, probably.\n"
    assert model.requests[0].messages[-1].text == "And tomorrow?"
