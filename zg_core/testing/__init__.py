"""Doubles and checks for those who test plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazy_names

if TYPE_CHECKING:
    from ._installing import Site, installed
    from ._journals import JournalConformance
    from ._offline import plugin_host, run_offline
    from ._scripted import ScriptedProvider, call
    from .conformance.agents import AgentConformance
    from .conformance.classifiers import ClassifierConformance
    from .conformance.exporters import ExporterConformance, events
    from .conformance.guardrails import GuardrailConformance
    from .conformance.plugins import PluginConformance
    from .conformance.providers import ProviderConformance
    from .conformance.tools import ToolConformance
    from .conformance.workflows import WorkflowConformance
    from .wire import Fault, WireAnswer, WireRequest, WireServer, serve_apart

__all__ = [
    "AgentConformance",
    "ClassifierConformance",
    "ExporterConformance",
    "Fault",
    "GuardrailConformance",
    "JournalConformance",
    "PluginConformance",
    "ProviderConformance",
    "ScriptedProvider",
    "Site",
    "ToolConformance",
    "WireAnswer",
    "WireRequest",
    "WireServer",
    "WorkflowConformance",
    "call",
    "events",
    "installed",
    "plugin_host",
    "run_offline",
    "serve_apart",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "._installing": ("Site", "installed"),
        "._journals": ("JournalConformance",),
        "._offline": ("plugin_host", "run_offline"),
        "._scripted": ("ScriptedProvider", "call"),
        ".conformance.agents": ("AgentConformance",),
        ".conformance.classifiers": ("ClassifierConformance",),
        ".conformance.exporters": ("ExporterConformance", "events"),
        ".conformance.guardrails": ("GuardrailConformance",),
        ".conformance.plugins": ("PluginConformance",),
        ".conformance.providers": ("ProviderConformance",),
        ".conformance.tools": ("ToolConformance",),
        ".conformance.workflows": ("WorkflowConformance",),
        ".wire": ("Fault", "WireAnswer", "WireRequest", "WireServer", "serve_apart"),
    },
)
