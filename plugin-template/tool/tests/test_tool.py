"""The tool does what it says, alone and in the hands of an agent."""

from __future__ import annotations

from zg_core.testing import ScriptedProvider, call, run_offline
from zg_plugins_builtin.agents import LLMAgent

import zg_example.plugin
from zg_example.tools import count_words


def test_words_are_counted() -> None:
    assert count_words("one two\nthree") == 3
    assert count_words("") == 0


def test_the_count_goes_back_to_the_model() -> None:
    agent = LLMAgent(name="counting", instructions="Count.", tools=("example",))
    model = ScriptedProvider(call("example", text="one two"), "Two words.")

    result = run_offline(agent, "one two", zg_example.plugin, answers=model)

    assert result.output == "Two words."
    assert model.requests[1].messages[-1].text == "2"
