"""The agents that come with ZeroGravity, and the ordinary one to make more of."""

from __future__ import annotations

from .llm import LLMAgent

__all__ = ["LLMAgent"]
