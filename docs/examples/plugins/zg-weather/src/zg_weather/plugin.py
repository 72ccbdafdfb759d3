"""What the plugin offers: names and lazy factories, and nothing that is slow."""

from __future__ import annotations

import zg_core.plugin_api as zg


@zg.hookimpl
def zg_register_tools() -> list[zg.ToolSpec]:
    """Offer the tool that asks the service."""
    return [
        zg.ToolSpec(
            name="current_weather",
            description="Tell the weather of a city as it is now.",
            factory="zg_weather.service:make_current_weather",
            parameters={
                "type": "object",
                "properties": {
                    "city": {
                        "type": "string",
                        "description": "Its English name, as in 'Rome' or 'Rome,IT'.",
                        "minLength": 1,
                        "maxLength": 100,
                    }
                },
                "required": ["city"],
                "additionalProperties": False,
            },
            effect="read",
            capabilities=frozenset({"network", "secrets"}),
            timeout_seconds=20,
        )
    ]


@zg.hookimpl
def zg_register_agents() -> list[zg.AgentSpec]:
    """Offer the agent that knows whom to ask."""
    return [
        zg.AgentSpec(
            name="forecaster",
            description="Says what the weather is like, and what that means.",
            factory="zg_weather.agents:Forecaster",
            task_types=("weather",),
            tools=("current_weather",),
            capabilities=("weather",),
        )
    ]
