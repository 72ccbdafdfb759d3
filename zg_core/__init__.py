"""ZeroGravity: a plugin-first multi-agent framework.

Everything public is named here and imported when it is first asked for, so that
``import zg_core as zg`` costs next to nothing. One file, since it is one list.
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
    from ._workflow_writing import (
        workflow_document,
        workflow_toml,
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
    from .drill_reports import (
        Bound,
        DrillReport,
        drill_report,
    )
    from .drills import (
        Drill,
        Injection,
    )
    from .engine import (
        Engine,
    )
    from .events import (
        ApprovalDecided,
        ApprovalRequested,
        ArtifactWritten,
        CancelRequested,
        ErrorInfo,
        Event,
        GuardrailDecided,
        HistoryCompacted,
        InputGiven,
        InputRequested,
        LimitsChanged,
        ModelAnswered,
        ModelCalled,
        ModelFailed,
        PauseRequested,
        PluginInfo,
        PluginLoaded,
        Progressed,
        ReplayDiverged,
        Requested,
        RequestRefused,
        RouteChosen,
        RunAccepted,
        RunCancelled,
        RunFailed,
        RunFinished,
        RunPaused,
        RunResumed,
        RunRewound,
        RunStarted,
        RunStatus,
        StepDegraded,
        StepExpanded,
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
    from .outcomes import (
        Outcome,
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
    from .questions import (
        OpenQuestion,
    )
    from .recordings import (
        Recording,
        load_recording,
    )
    from .registry import (
        Contribution,
    )
    from .results import (
        Artifact,
        ModelResult,
        PartResult,
        RunResult,
        StepResult,
    )
    from .running.recorder import (
        TextDelta,
    )
    from .stewards import (
        Expense,
        Reserved,
        Steward,
    )
    from .sync import (
        run_sync,
    )
    from .workflow_files import (
        load_workflow,
        read_workflow,
    )
    from .workflows import (
        Approve,
        OnError,
    )

__all__ = [
    "API",
    "Agent",
    "AgentCall",
    "AgentResult",
    "AgentSpec",
    "AmbiguousNameError",
    "ApprovalDecided",
    "ApprovalRequested",
    "Approve",
    "Artifact",
    "ArtifactWritten",
    "Bound",
    "CancelRequested",
    "Chunk",
    "CircuitOpenError",
    "Classifier",
    "ClassifierSpec",
    "CommandSpec",
    "Config",
    "ConfigError",
    "Context",
    "ContextClassifier",
    "ContextLengthError",
    "Contribution",
    "Deed",
    "Detect",
    "Diagnostic",
    "Drill",
    "DrillReport",
    "ENDED",
    "Enforcing",
    "Engine",
    "ErrorInfo",
    "Event",
    "Expense",
    "Explanation",
    "Exporter",
    "ExporterSpec",
    "Guardrail",
    "GuardrailDecided",
    "GuardrailError",
    "GuardrailSpec",
    "HistoryCompacted",
    "HostInfo",
    "Image",
    "Injection",
    "InputError",
    "InputGiven",
    "InputRequested",
    "Inspection",
    "Journal",
    "JournalError",
    "JournalSpec",
    "Json",
    "JsonObject",
    "Label",
    "LimitError",
    "Limits",
    "LimitsChanged",
    "MemoryJournal",
    "Message",
    "ModelAnswered",
    "ModelCallInfo",
    "ModelCalled",
    "ModelFailed",
    "ModelInfo",
    "ModelResult",
    "OnError",
    "OpenQuestion",
    "Outcome",
    "OutputError",
    "Part",
    "PartResult",
    "PauseRequested",
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
    "Reasoning",
    "Recording",
    "Remaining",
    "Repeat",
    "ReplayDiverged",
    "ReplayMismatchError",
    "Reply",
    "Request",
    "RequestRefused",
    "Requested",
    "Reserved",
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
    "RunPaused",
    "RunPausedError",
    "RunResult",
    "RunResumed",
    "RunRewound",
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
    "StepExpanded",
    "StepFailed",
    "StepFinished",
    "StepInfo",
    "StepOutcome",
    "StepResult",
    "StepSkipped",
    "StepStarted",
    "Steward",
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
    "drill_report",
    "encode_event",
    "event_document",
    "explain",
    "hookimpl",
    "json_option",
    "load_config",
    "load_recording",
    "load_workflow",
    "read_workflow",
    "run_sync",
    "status_after",
    "tool",
    "workflow_document",
    "workflow_toml",
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
    "._workflow_writing": ("workflow_document", "workflow_toml"),
    ".cli": (
        "current_invocation",
        "json_option",
    ),
    ".config": (
        "Config",
        "data_dir",
        "load_config",
    ),
    ".drill_reports": (
        "Bound",
        "DrillReport",
        "drill_report",
    ),
    ".drills": (
        "Drill",
        "Injection",
    ),
    ".engine": ("Engine",),
    ".events": (
        "ApprovalDecided",
        "ApprovalRequested",
        "ArtifactWritten",
        "CancelRequested",
        "ErrorInfo",
        "Event",
        "GuardrailDecided",
        "HistoryCompacted",
        "InputGiven",
        "InputRequested",
        "LimitsChanged",
        "ModelAnswered",
        "ModelCalled",
        "ModelFailed",
        "PauseRequested",
        "PluginInfo",
        "PluginLoaded",
        "Progressed",
        "ReplayDiverged",
        "RequestRefused",
        "Requested",
        "RouteChosen",
        "RunAccepted",
        "RunCancelled",
        "RunFailed",
        "RunFinished",
        "RunPaused",
        "RunResumed",
        "RunRewound",
        "RunStarted",
        "RunStatus",
        "StepDegraded",
        "StepExpanded",
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
    ".outcomes": ("Outcome",),
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
    ".questions": ("OpenQuestion",),
    ".recordings": (
        "Recording",
        "load_recording",
    ),
    ".registry": ("Contribution",),
    ".results": (
        "Artifact",
        "ModelResult",
        "PartResult",
        "RunResult",
        "StepResult",
    ),
    ".running.recorder": ("TextDelta",),
    ".stewards": ("Expense", "Reserved", "Steward"),
    ".sync": ("run_sync",),
    ".workflow_files": ("load_workflow", "read_workflow"),
    ".workflows": ("Approve", "OnError"),
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
