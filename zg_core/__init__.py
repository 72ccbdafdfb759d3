"""ZeroGravity: a plugin-first multi-agent framework.

Everything public is named here and imported when it is first asked for, so that
``import zg_core as zg`` costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._codec import (
        decode_event,
        encode_event,
        event_document,
    )
    from ._memory_journal import (
        MemoryJournal,
    )
    from ._processes import (
        Process,
    )
    from .cli import (
        current_invocation,
        json_option,
    )
    from .config import (
        Config,
        data_dir,
        load_config,
    )
    from .engine import (
        Engine,
    )
    from .events import (
        ArtifactWritten,
        CancelRequested,
        ErrorInfo,
        Event,
        GuardrailDecided,
        ModelAnswered,
        ModelCalled,
        ModelFailed,
        PluginInfo,
        PluginLoaded,
        Progressed,
        Requested,
        RouteChosen,
        RunAccepted,
        RunCancelled,
        RunFailed,
        RunFinished,
        RunResumed,
        RunStarted,
        RunStatus,
        StepDegraded,
        StepFailed,
        StepFinished,
        StepSkipped,
        StepStarted,
        ToolFinished,
        ToolStarted,
        UnknownEvent,
        ValueRecorded,
        status_after,
    )
    from .journals import (
        ENDED,
        Journal,
        Pending,
        RunSummary,
    )
    from .plugin_api import *  # noqa: F403 - all of it is public here too
    from .plugins import (
        Diagnostic,
        PluginHost,
        PluginRecord,
    )
    from .provenance import (
        Deed,
        Explanation,
        explain,
    )
    from .registry import (
        Contribution,
    )
    from .results import (
        Artifact,
        RunResult,
        StepResult,
    )
    from .running.recorder import (
        TextDelta,
    )
    from .sync import (
        run_sync,
    )
    from .workflows import (
        OnError,
    )

__all__ = [
    "API",
    "Agent",
    "AgentSpec",
    "AmbiguousNameError",
    "Artifact",
    "ArtifactWritten",
    "CancelRequested",
    "Chunk",
    "Classifier",
    "ClassifierSpec",
    "CommandSpec",
    "Config",
    "ConfigError",
    "Context",
    "ContextLengthError",
    "Contribution",
    "Deed",
    "Detect",
    "Diagnostic",
    "ENDED",
    "Engine",
    "ErrorInfo",
    "Event",
    "Explanation",
    "Exporter",
    "ExporterSpec",
    "Guardrail",
    "GuardrailDecided",
    "GuardrailError",
    "GuardrailSpec",
    "HostInfo",
    "InputError",
    "Inspection",
    "Journal",
    "JournalError",
    "JournalSpec",
    "Json",
    "JsonObject",
    "Label",
    "LimitError",
    "Limits",
    "MemoryJournal",
    "Message",
    "ModelAnswered",
    "ModelCallInfo",
    "ModelCalled",
    "ModelFailed",
    "ModelInfo",
    "OnError",
    "OutputError",
    "Part",
    "Pending",
    "PluginError",
    "PluginHost",
    "PluginInfo",
    "PluginLoaded",
    "PluginRecord",
    "Preparing",
    "Process",
    "Progress",
    "Progressed",
    "Provider",
    "ProviderAuthError",
    "ProviderError",
    "ProviderRequestError",
    "ProviderResponseError",
    "ProviderSpec",
    "ProviderTimeoutError",
    "ProviderUnavailableError",
    "RateLimitError",
    "ReplayMismatchError",
    "Reply",
    "Request",
    "Requested",
    "Response",
    "Retry",
    "Role",
    "RouteChosen",
    "RunAccepted",
    "RunBusyError",
    "RunCancelled",
    "RunCancelledError",
    "RunError",
    "RunFailed",
    "RunFinished",
    "RunInfo",
    "RunNotFoundError",
    "RunOptions",
    "RunOutcome",
    "RunResult",
    "RunResumed",
    "RunStarted",
    "RunStatus",
    "RunSummary",
    "Runtime",
    "RuntimeSpec",
    "Scrapable",
    "Settings",
    "Signal",
    "Spec",
    "Stage",
    "Step",
    "StepDegraded",
    "StepFailed",
    "StepFinished",
    "StepInfo",
    "StepOutcome",
    "StepResult",
    "StepSkipped",
    "StepStarted",
    "StopReason",
    "Subject",
    "Text",
    "TextDelta",
    "Tool",
    "ToolArgumentsError",
    "ToolCall",
    "ToolCallInfo",
    "ToolDefinition",
    "ToolError",
    "ToolFinished",
    "ToolResult",
    "ToolSpec",
    "ToolStarted",
    "ToolTimeoutError",
    "UnknownEvent",
    "UnknownNameError",
    "Usage",
    "ValueRecorded",
    "Verdict",
    "Workflow",
    "WorkflowError",
    "WorkflowSpec",
    "Workspace",
    "WorkspaceError",
    "ZeroGravityError",
    "current_invocation",
    "data_dir",
    "decode_event",
    "encode_event",
    "event_document",
    "explain",
    "hookimpl",
    "json_option",
    "load_config",
    "run_sync",
    "status_after",
    "tool",
]

# Where names live that are not in plugin_api.
_PLACES = {
    "._codec": (
        "decode_event",
        "encode_event",
        "event_document",
    ),
    "._memory_journal": ("MemoryJournal",),
    "._processes": ("Process",),
    ".cli": (
        "current_invocation",
        "json_option",
    ),
    ".config": (
        "Config",
        "data_dir",
        "load_config",
    ),
    ".engine": ("Engine",),
    ".events": (
        "ArtifactWritten",
        "CancelRequested",
        "ErrorInfo",
        "Event",
        "GuardrailDecided",
        "ModelAnswered",
        "ModelCalled",
        "ModelFailed",
        "PluginInfo",
        "PluginLoaded",
        "Progressed",
        "Requested",
        "RouteChosen",
        "RunAccepted",
        "RunCancelled",
        "RunFailed",
        "RunFinished",
        "RunResumed",
        "RunStarted",
        "RunStatus",
        "StepDegraded",
        "StepFailed",
        "StepFinished",
        "StepSkipped",
        "StepStarted",
        "ToolFinished",
        "ToolStarted",
        "UnknownEvent",
        "ValueRecorded",
        "status_after",
    ),
    ".journals": (
        "ENDED",
        "Journal",
        "Pending",
        "RunSummary",
    ),
    ".plugins": (
        "Diagnostic",
        "PluginHost",
        "PluginRecord",
    ),
    ".provenance": (
        "Deed",
        "Explanation",
        "explain",
    ),
    ".registry": ("Contribution",),
    ".results": (
        "Artifact",
        "RunResult",
        "StepResult",
    ),
    ".running.recorder": ("TextDelta",),
    ".sync": ("run_sync",),
    ".workflows": ("OnError",),
}


def __getattr__(name: str) -> Any:
    import importlib

    if name == "__version__":
        from ._version import core_version

        return core_version()
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    place = next((m for m, names in _PLACES.items() if name in names), ".plugin_api")
    value = getattr(importlib.import_module(place, __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
