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
from .agents import Agent, Reply
from .classifiers import Classifier, Label
from .contexts import Context, Workspace
from .errors import *  # noqa: F403 - the whole tree is public
from .errors import __all__ as _errors
from .hookspecs import API, hookimpl
from .messages import Message, Part, Role, Text, ToolCall, ToolResult
from .models import (
    Chunk,
    ModelInfo,
    Request,
    Response,
    StopReason,
    ToolDefinition,
)
from .providers import Preparing, Progress, Provider
from .settings import Settings
from .signals import Retry
from .specs import (
    AgentSpec,
    ClassifierSpec,
    CommandSpec,
    Detect,
    HostInfo,
    JournalSpec,
    ProviderSpec,
    Spec,
    ToolSpec,
    WorkflowSpec,
)
from .tools import Tool, tool
from .usage import Limits, Usage
from .workflows import RunOptions, Step, Workflow

__all__ = [
    "API",
    "Agent",
    "AgentSpec",
    "Chunk",
    "Classifier",
    "ClassifierSpec",
    "CommandSpec",
    "Context",
    "Detect",
    "HostInfo",
    "JournalSpec",
    "Json",
    "JsonObject",
    "Label",
    "Limits",
    "Message",
    "ModelInfo",
    "Part",
    "Preparing",
    "Progress",
    "Provider",
    "ProviderSpec",
    "Reply",
    "Request",
    "Response",
    "Retry",
    "Role",
    "RunOptions",
    "Settings",
    "Spec",
    "Step",
    "StopReason",
    "Text",
    "Tool",
    "ToolCall",
    "ToolDefinition",
    "ToolResult",
    "ToolSpec",
    "Usage",
    "Workflow",
    "WorkflowSpec",
    "Workspace",
    "hookimpl",
    "tool",
    *_errors,
]
