"""What the plugin offers, and nothing that is slow."""

from __future__ import annotations

import zg_core.plugin_api as zg

from .tools import count_words


@zg.hookimpl
def zg_register_tools() -> list[zg.ToolSpec]:
    """Offer the tool; an agent has it if it lists it."""
    return [count_words]
