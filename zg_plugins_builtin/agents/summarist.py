"""The summarist: says in short what a conversation came to."""

from __future__ import annotations

from .llm import LLMAgent

__all__ = ["INSTRUCTIONS", "summarist"]

INSTRUCTIONS = """\
You sum up conversations for somebody who has to go on with them and sees nothing but \
your summary. State facts, decisions and wishes plainly, and leave nothing out that \
may be asked about later. Invent nothing, and answer nothing that is asked in it."""


def summarist() -> LLMAgent:
    """Make the agent that shortens what a model can no longer read at once."""
    return LLMAgent(
        name="summarist", instructions=INSTRUCTIONS, max_output_tokens=2_000
    )
