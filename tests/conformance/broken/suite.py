"""The standard tests of every seeded plugin; run by ``test_broken.py``, installed."""

from __future__ import annotations

from typing import Any

from seeds import PLUGINS, SEEDS

from zg_core.testing import (
    AgentConformance,
    ClassifierConformance,
    ExporterConformance,
    GuardrailConformance,
    PluginConformance,
    ProviderConformance,
    ToolConformance,
    WorkflowConformance,
)

KEY = "sk-seed-key-of-no-worth"
KINDS: dict[str, type[PluginConformance]] = {
    "agent": AgentConformance,
    "tool": ToolConformance,
    "provider": ProviderConformance,
    "classifier": ClassifierConformance,
    "exporter": ExporterConformance,
    "guardrail": GuardrailConformance,
    "workflow": WorkflowConformance,
}


def _add(base: type[PluginConformance], seed: str, **attributes: Any) -> None:
    globals()[f"Test:{seed}"] = type(f"Test:{seed}", (base,), attributes)


for kind, conformance in KINDS.items():
    for name in ("sound", *SEEDS[kind]):
        values = {"plugin": f"zg-seed-{kind}s", kind: name}
        if kind in ("provider", "exporter"):
            values["secrets"] = (KEY,)
        _add(conformance, f"{kind}:{name}", **values)
for name in PLUGINS:
    _add(PluginConformance, f"plugin:{name}", plugin=f"zg-seed-{name}")
