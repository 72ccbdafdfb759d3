"""The plugin keeps the contract, as everybody's does."""

from __future__ import annotations

from zg_core.testing import AgentConformance, ToolConformance


class TestShortener(AgentConformance):
    plugin = "zg-words"
    agent = "shortener"


class TestCountWords(ToolConformance):
    plugin = "zg-words"
    tool = "count_words"
