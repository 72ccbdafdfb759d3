"""What the plugin says of ``local``, without anything that runs models."""

from __future__ import annotations

from zg_core.plugin_api import Detect, ProviderSpec

__all__ = ["SPEC"]

SPEC = ProviderSpec(
    name="local",
    description="Models in GGUF files, run inside this process; smollm2 is fetched.",
    factory="zg_plugins_builtin.providers.local:make",
    default_model="smollm2",
    detect=Detect(module="xllamacpp"),
    free=True,
)
