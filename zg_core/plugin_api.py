"""All that a plugin needs when it is loaded, and nothing that is slow to import.

```python
import zg_core.plugin_api as zg

@zg.hookimpl
def zg_register_agents():
    return [zg.AgentSpec(name="critic", factory="my_package.agents:make_critic")]
```
"""

from __future__ import annotations

from ._json import Json, JsonObject
from .agents import Agent, AgentCall, AgentResult, Reply
from .classifiers import Classifier, ContextClassifier, Label
from .contexts import Context, Workspace
from .errors import *  # noqa: F403 - the whole tree is public
from .errors import __all__ as _errors
from .exporters import Exporter, Scrapable, Signal
from .guardrails import Guardrail, Inspection, Stage, Subject, Verdict
from .hookspecs import API, hookimpl
from .messages import (
    Image,
    Message,
    Part,
    Reasoning,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from .models import (
    Chunk,
    ModelInfo,
    Request,
    Response,
    StopReason,
    ToolDefinition,
)
from .observers import (
    ModelCallInfo,
    RunInfo,
    RunOutcome,
    StepInfo,
    StepOutcome,
    ToolCallInfo,
)
from .providers import Enforcing, Preparing, Progress, Provider
from .runtimes import Runtime
from .settings import Settings
from .signals import Retry
from .specs import (
    AgentSpec,
    ClassifierSpec,
    CommandSpec,
    Detect,
    ExporterSpec,
    GuardrailSpec,
    HostInfo,
    JournalSpec,
    ProviderSpec,
    RuntimeSpec,
    Spec,
    ToolSpec,
    WorkflowSpec,
)
from .tools import Tool, tool
from .usage import Limits, Remaining, Usage
from .workflows import Repeat, RunOptions, Step, Workflow

__all__ = [
    "API",
    "Agent",
    "AgentCall",
    "AgentResult",
    "AgentSpec",
    "Chunk",
    "Classifier",
    "ClassifierSpec",
    "CommandSpec",
    "Context",
    "ContextClassifier",
    "Detect",
    "Enforcing",
    "Exporter",
    "ExporterSpec",
    "Guardrail",
    "GuardrailSpec",
    "HostInfo",
    "Image",
    "Inspection",
    "JournalSpec",
    "Json",
    "JsonObject",
    "Label",
    "Limits",
    "Message",
    "ModelCallInfo",
    "ModelInfo",
    "Part",
    "Preparing",
    "Progress",
    "Provider",
    "ProviderSpec",
    "Reasoning",
    "Remaining",
    "Repeat",
    "Reply",
    "Request",
    "Response",
    "Retry",
    "Role",
    "RunInfo",
    "RunOptions",
    "RunOutcome",
    "Runtime",
    "RuntimeSpec",
    "Scrapable",
    "Settings",
    "Signal",
    "Spec",
    "Stage",
    "Step",
    "StepInfo",
    "StepOutcome",
    "StopReason",
    "Subject",
    "Text",
    "Tool",
    "ToolCall",
    "ToolCallInfo",
    "ToolDefinition",
    "ToolResult",
    "ToolSpec",
    "Usage",
    "Verdict",
    "Workflow",
    "WorkflowSpec",
    "Workspace",
    "hookimpl",
    "tool",
    *_errors,
]
