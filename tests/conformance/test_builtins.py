"""What comes with ZeroGravity passes the tests that others have to pass."""

from __future__ import annotations

from typing import Any

import pytest

import zg_core.plugin_api as zg
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
from zg_plugins_builtin.providers import anthropic, openai

pytestmark = pytest.mark.heavy

KEY = "sk-canary-7f3a9b-of-no-worth"


class TestBuiltin(PluginConformance):
    plugin = "builtin"


class TestArchitect(AgentConformance):
    plugin = "builtin"
    agent = "architect"


class TestEngineer(AgentConformance):
    plugin = "builtin"
    agent = "engineer"


class TestDesigner(AgentConformance):
    plugin = "builtin"
    agent = "designer"


class TestOperator(AgentConformance):
    plugin = "builtin"
    agent = "operator"


class TestListFiles(ToolConformance):
    plugin = "builtin"
    tool = "list_files"


class TestReadFile(ToolConformance):
    plugin = "builtin"
    tool = "read_file"


class TestWriteFile(ToolConformance):
    plugin = "builtin"
    tool = "write_file"


class TestAskAgent(ToolConformance):
    plugin = "builtin"
    tool = "ask_agent"


class TestKeyword(ClassifierConformance):
    plugin = "builtin"
    classifier = "keyword"


class TestTrained(ClassifierConformance):
    plugin = "builtin"
    classifier = "trained"


class TestModel(ClassifierConformance):
    plugin = "builtin"
    classifier = "model"


class TestPrometheus(ExporterConformance):
    plugin = "builtin"
    exporter = "prometheus"


class TestPatterns(GuardrailConformance):
    plugin = "builtin"
    guardrail = "patterns"


class TestMarkup(GuardrailConformance):
    plugin = "builtin"
    guardrail = "markup"


class TestSequential(WorkflowConformance):
    plugin = "builtin"
    workflow = "sequential"


class TestOptimized(WorkflowConformance):
    plugin = "builtin"
    workflow = "optimized"


class TestAdaptive(WorkflowConformance):
    plugin = "builtin"
    workflow = "adaptive"


class TestSolo(WorkflowConformance):
    plugin = "builtin"
    workflow = "solo"


class Vendor(ProviderConformance):
    """A vendor's provider, and a server on this machine in the vendor's place."""

    plugin = "builtin"
    secrets = (KEY,)
    model = "m"
    url: str

    @pytest.fixture(autouse=True)
    def server(self, wire: str) -> None:
        type(self).url = wire


class TestOpenAI(Vendor):
    provider = "openai"

    def make_provider(self) -> zg.Provider:
        return _made(openai, "openai", base_url=f"{self.url}/v1")


class TestOpenAIResponses(Vendor):
    provider = "openai"

    def make_provider(self) -> zg.Provider:
        url = f"{self.url}/v1"
        return _made(openai, "openai", base_url=url, api="responses")


class TestAnthropic(Vendor):
    provider = "anthropic"

    def make_provider(self) -> zg.Provider:
        return _made(anthropic, "anthropic", base_url=self.url)


def _made(module: Any, vendor: str, **values: str) -> zg.Provider:
    section = {vendor: {"api_key": KEY, **values}}
    provider: zg.Provider = module.make(zg.Settings("builtin", section))
    return provider
