"""The providers, one file each, and what the plugin says of them."""

from __future__ import annotations

from zg_core.plugin_api import Detect, ProviderSpec

from .profiles import PROFILES

__all__ = ["SPECS"]

SPECS: tuple[ProviderSpec, ...] = (
    ProviderSpec(
        name="openai",
        description="OpenAI's models, or any server that speaks its chat completions.",
        factory="zg_plugins_builtin.providers.openai:make",
        default_model="gpt-6.1-terra",
        detect=Detect(env=("OPENAI_API_KEY",)),
        env=("OPENAI_API_KEY",),
    ),
    ProviderSpec(
        name="anthropic",
        description="Anthropic's models.",
        factory="zg_plugins_builtin.providers.anthropic:make",
        default_model="claude-sonnet-5-5",
        detect=Detect(env=("ANTHROPIC_API_KEY",)),
        env=("ANTHROPIC_API_KEY",),
    ),
    *PROFILES,
)
"""All but ``local``, in the order in which they are thought of."""
