"""What the plugin offers: a name and a reference, and nothing that is slow."""

from __future__ import annotations

import zg_core.plugin_api as zg


@zg.hookimpl
def zg_register_providers() -> list[zg.ProviderSpec]:
    """Offer the provider; it is used only where a user names it."""
    return [
        zg.ProviderSpec(
            name="example",
            description="Answers with the words of the question, the last one first.",
            factory="zg_example.providers:ExampleProvider",
            default_model="reverse",
            free=True,
        )
    ]
