"""The tool counts, and the agent counts with it before it answers."""

from __future__ import annotations

import zg_words

from zg_core.testing import ScriptedProvider, call, run_offline


def test_words_stand_between_spaces_and_line_breaks() -> None:
    assert zg_words.count_words("one  two\nthree") == 3
    assert zg_words.count_words("") == 0


def test_the_agent_counts_before_it_answers() -> None:
    model = ScriptedProvider(call("count_words", text="Too long."), "Short.")

    result = run_offline(
        "shortener", "Cut to one word: Too long.", zg_words, answers=model
    )

    assert result.output == "Short."
    assert model.requests[1].messages[-1].text == "2"
