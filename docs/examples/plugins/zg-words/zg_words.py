"""A whole plugin in one file: a tool, and an agent that has it."""

from __future__ import annotations

import zg_core.plugin_api as zg

INSTRUCTIONS = """\
Cut the text to as many words as you are asked for, and keep what it says.
Count the words with count_words before you answer, and answer with the text alone.\
"""


@zg.tool
def count_words(text: str) -> int:
    """Count the words of a text.

    Args:
        text: Any text; what stands between spaces or line breaks is a word.
    """
    return len(text.split())


@zg.hookimpl
def zg_register_tools() -> list[zg.ToolSpec]:
    """Offer the tool, which gives it to nobody yet."""
    return [count_words]


@zg.hookimpl
def zg_register_agents() -> list[zg.AgentSpec]:
    """Offer the agent."""
    return [
        zg.AgentSpec(
            name="shortener",
            description="Cuts a text to a number of words.",
            factory="zg_words:make_shortener",
            tools=("count_words",),
            capabilities=("editing",),
        )
    ]


def make_shortener() -> zg.Agent:
    """Make the agent; only now is what it stands on imported."""
    from zg_plugins_builtin.agents import LLMAgent

    return LLMAgent(name="shortener", instructions=INSTRUCTIONS, tools=("count_words",))
