"""The agent: what it is told, and the tools it has."""

from __future__ import annotations

from zg_plugins_builtin.agents import LLMAgent

INSTRUCTIONS = "Cut the text to ten words. Count with count_words before you answer."


def make_example() -> LLMAgent:
    """Make the agent."""
    return LLMAgent(name="example", instructions=INSTRUCTIONS, tools=("count_words",))
