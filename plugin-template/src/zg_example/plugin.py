"""What the plugin offers: names and lazy factories, and nothing that is slow."""

from __future__ import annotations

import zg_core.plugin_api as zg

from .tools import count_words


@zg.hookimpl
def zg_register_tools() -> list[zg.ToolSpec]:
    """Offer the tool; an agent has it if it lists it."""
    return [count_words]


@zg.hookimpl
def zg_register_agents() -> list[zg.AgentSpec]:
    """Offer the agent; its module is imported when it is first used."""
    return [
        zg.AgentSpec(
            name="example",
            description="Cuts a text, and counts before it answers.",
            factory="zg_example.agents:make_example",
            tools=("count_words",),
        )
    ]
