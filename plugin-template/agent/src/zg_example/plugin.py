"""What the plugin offers: a name and a reference, and nothing that is slow."""

from __future__ import annotations

import zg_core.plugin_api as zg


@zg.hookimpl
def zg_register_agents() -> list[zg.AgentSpec]:
    """Offer the agent; its module is imported when it is first used."""
    return [
        zg.AgentSpec(
            name="example",
            description="Answers in one paragraph, and says what is not sure.",
            factory="zg_example.agents:ExampleAgent",
            needs_model=True,
        )
    ]
