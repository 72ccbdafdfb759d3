"""The assistant: talks, and asks the others where that helps."""

from __future__ import annotations

from .llm import LLMAgent

__all__ = ["INSTRUCTIONS", "TOOLS", "assistant"]

INSTRUCTIONS = """\
You are talking with a user. Answer what was asked, in the language it was asked in, \
as briefly as it can be answered well. Say so where you do not know something, and ask \
back where it matters what is meant.

The conversation has a folder for files. Use write_file where the user wants a file, \
and list_files and read_file where they speak of one. You cannot run anything."""

TOOLS = ("list_files", "read_file", "write_file")


def assistant() -> LLMAgent:
    """Make the agent that ``zg chat`` talks to, unless another one is named."""
    return LLMAgent(name="assistant", instructions=INSTRUCTIONS, tools=TOOLS)
