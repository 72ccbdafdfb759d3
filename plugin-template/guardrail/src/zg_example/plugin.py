"""What the plugin offers: a name and a reference, and nothing that is slow."""

from __future__ import annotations

import zg_core.plugin_api as zg


@zg.hookimpl
def zg_register_guardrails() -> list[zg.GuardrailSpec]:
    """Offer the guardrail; it is off until the user's configuration lists it."""
    return [
        zg.GuardrailSpec(
            name="example",
            description="Masks e-mail addresses in what models are told and say.",
            factory="zg_example.guardrails:ExampleGuardrail",
            stages=frozenset({"input", "output"}),
        )
    ]
