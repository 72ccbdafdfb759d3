"""What happened during a run, in the past tense.

The ordered events of a run are the run: its state is computed from them and
from nothing else, and whoever wants to know what goes on reads them. This is one
list, and so one file, however long it gets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from ._json import Json, JsonObject
from .guardrails import Stage, Subject
from .messages import Message, ToolResult
from .models import Response
from .usage import Limits
from .workflows import RunOptions, Workflow

__all__ = [
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
]

RunStatus: TypeAlias = Literal[
    "running", "paused", "completed", "degraded", "failed", "cancelled"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One fact of a run.

    Attributes:
        seq: Its place in the run, from 1 without gaps; 0 until it is recorded.
        at: When it was recorded: RFC 3339, UTC, milliseconds.
        run_id: The run it belongs to.
    """

    seq: int = 0
    at: str = ""
    run_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorInfo:
    """An error as a fact: what a journal keeps of an exception.

    Attributes:
        type: Name of the class: of an error of ours that of `zg_core.errors` which it
            is, or is a kind of.
        cause: What happened.
        remedy: What can be done about it.
        details: Its parts as data.
    """

    type: str
    cause: str
    remedy: str = ""
    details: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginInfo:
    """A plugin whose code took part in a run.

    Attributes:
        id: The plugin's id: its distribution's normalised name.
        version: The distribution's version.
        builtin: Whether it came with ZeroGravity.
        record_sha256: Digest of the distribution's RECORD; `None` if it has
            none or is installed editable.
    """

    id: str
    version: str
    builtin: bool = False
    record_sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Requested(Event):
    """What somebody who does not own the run asked for.

    Attributes:
        request_id: The journal's id of the request this came from.
    """

    request_id: str | None = None


# -- The run as a whole ----------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAccepted(Event):
    """The run exists. Always the first event; with it any engine can do the run.

    Attributes:
        objective: What it is for, in the user's words.
        options: How it is to be done; ``out`` is absolute.
        files: Files that were given with the objective, as paths below ``out``.
        background: What an earlier run, which this one follows, was for and gave.
        replays: The recorded run whose answers this one is given again.
        forked_from: The run whose first steps were copied into this one.
        history: What was said before it, in the conversation that it goes on with.
    """

    objective: str
    workflow: Workflow
    options: RunOptions = RunOptions()
    files: tuple[str, ...] = ()
    background: str = ""
    replays: str = ""
    forked_from: str = ""
    history: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """An engine began the run.

    Attributes:
        model: The models to try, in order, where neither a step nor an agent
            has its own.
        model_reason: Why these.
        agents: The qualified name of each step's agent, by step.
        core: ZeroGravity's version.
        api: The plugin API's version.
        python: Python's version.
        plugins: The plugins whose code was loaded by then.
        overrides: What the user put in the place of something else: qualified name
            by ``"kind:name"``.
        policy: Which plugins the user trusts: ``open``, ``allowlist`` or ``locked``.
        prices: The table that prices come from, with its version.
        stated_prices: What the user says that models cost instead, by name.
        drill: The faults, and their seed, that were injected into its calls; empty
            is in earnest.
    """

    model: str
    model_reason: str
    agents: dict[str, str]
    core: str
    api: int
    python: str
    plugins: tuple[PluginInfo, ...] = ()
    overrides: dict[str, str] = field(default_factory=dict)
    policy: str = "open"
    prices: str = ""
    stated_prices: dict[str, dict[str, float]] = field(default_factory=dict)
    drill: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginLoaded(Event):
    """The code of a further plugin was loaded."""

    plugin: PluginInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteChosen(Event):
    """The objective was classified, and the agents that take part were chosen.

    Attributes:
        classifier: Qualified name of the classifier; empty if none was asked.
        label: The category.
        probability: How sure the classifier was, 0 to 1; `None` if it abstained.
        reason: Why, for people.
        agents: Qualified names of the agents that take part.
    """

    classifier: str
    label: str
    probability: float | None
    reason: str
    agents: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResumed(Event):
    """An engine took the run up again; steps that were under way begin anew.

    Attributes:
        epoch: The number of this ownership; grows with each.
        drill: The faults that are injected from now on; as in `RunStarted`.
        out: Where its files are from now on; empty is where they were.
    """

    epoch: int
    drill: str = ""
    out: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsChanged(Requested):
    """Somebody gave the run other limits.

    Attributes:
        limits: The most the run may spend, what it spent before included.
        step_limits: The most that steps may spend, by name.
        by: Who did.
    """

    limits: Limits
    step_limits: dict[str, Limits] = field(default_factory=dict)
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished(Event):
    """All steps ended.

    Attributes:
        output: The last step's output; by step name where several were last.
        degraded: Whether something is missing: a step went wrong and the run went on
            without it, or one was not told all that was said before.
    """

    output: Json
    degraded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFailed(Event):
    """The run could not go on. It can be resumed."""

    error: ErrorInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCancelled(Event):
    """The run was stopped on request. It can be resumed."""

    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRequested(Requested):
    """Somebody asked for the run to be stopped.

    Attributes:
        reason: Why, for people.
        by: Who asked.
    """

    reason: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseRequested(Requested):
    """Somebody asked for the run to be put aside.

    Attributes:
        reason: Why, for people.
        by: Who asked.
    """

    reason: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRefused(Requested):
    """What somebody asked for was not done.

    Attributes:
        reason: Why, for people.
    """

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPaused(Event):
    """Nothing more is done until somebody has the run go on.

    Attributes:
        reason: Why, for people.
    """

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRewound(Event):
    """The run was set back to where a step had not begun, and is paused there.

    What was spent remains spent; what these steps recorded is forgotten.

    Attributes:
        step: The step.
        steps: It, and all that had been done on its results.
    """

    step: str
    steps: tuple[str, ...]


# -- Steps -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted(Event):
    """An agent began: a step's, or one that another agent asks.

    In this event and in all below, ``step`` is a path: a step, its second round
    ``draft@2``, one of the items it is done for ``draft[0]``, or an agent that it
    asks ``draft/critic.1f2e3d``.

    Attributes:
        agent: Qualified name of the agent.
        call_key: The call by which another agent asks it; empty if none does.
        prompt: What that one asks; empty if none does.
    """

    step: str
    agent: str
    call_key: str = ""
    prompt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepExpanded(Event):
    """A step is done for each item of a list.

    Attributes:
        items: The list.
    """

    step: str
    items: tuple[Json, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFinished(Event):
    """An agent replied.

    Attributes:
        call_key: As in `StepStarted`.
        again: The steps that begin another round, this one among them; empty where
            the result is good, or the step is not repeated.
    """

    step: str
    output: Json
    artifacts: tuple[str, ...] = ()
    call_key: str = ""
    again: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFailed(Event):
    """An agent failed, and with a step's the run.

    Attributes:
        call_key: As in `StepStarted`.
        causes: The errors that its agent made its own of, the nearest first.
    """

    step: str
    error: ErrorInfo
    call_key: str = ""
    causes: tuple[ErrorInfo, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDegraded(Event):
    """A step's agent failed; the run goes on with a reply that says so."""

    step: str
    output: Json
    error: ErrorInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSkipped(Event):
    """A step does not take part.

    Attributes:
        error: The failure it was skipped for; `None` if it was not chosen.
    """

    step: str
    reason: str
    error: ErrorInfo | None = None


# -- What a step did ---------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCalled(Event):
    """A request is about to be sent to a model.

    Attributes:
        call_key: The call within its run: step, digest of the request, occurrence.
        model: ``"provider:model"``, as the user writes it.
        provider: Qualified name of the provider.
        attempt: 1 for the first try of this call, counted over the chain.
        reserved_tokens: The most it may use, in and out.
        reserved_usd: What that may cost; `None` if the price is unknown.
    """

    step: str
    call_key: str
    model: str
    provider: str = ""
    attempt: int = 1
    reserved_tokens: int = 0
    reserved_usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAnswered(Event):
    """A model answered.

    Attributes:
        cost_usd: The price; `None` if it is not known.
        duration_seconds: From sending to the whole answer, without waiting in
            line or for another attempt.
        replayed: Whether it is the answer of a recorded run, which costs nothing now.
    """

    step: str
    call_key: str
    model: str
    response: Response
    cost_usd: float | None
    duration_seconds: float
    attempt: int = 1
    replayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFailed(Event):
    """An attempt to ask a model failed.

    Attributes:
        retry_in_seconds: When it is tried again; `None` if it is not, with this model.
        final: Whether no model of the chain was left to try, so that this is what
            the agent was told.
        billed: Whether it may be billed all the same, and so counts at its worst case.
        replayed: Whether it is the failure of a recorded run, and nobody was asked now.
    """

    step: str
    call_key: str
    model: str
    error: ErrorInfo
    attempt: int = 1
    retry_in_seconds: float | None = None
    final: bool = False
    billed: bool = False
    replayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolStarted(Event):
    """A tool is about to be called.

    Attributes:
        tool: Qualified name of the tool.
        effect: What the tool declares to do: ``none read idempotent once``.
    """

    step: str
    call_key: str
    tool: str
    arguments: JsonObject
    effect: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolFinished(Event):
    """A tool returned, or failed in a way the model was told.

    Attributes:
        replayed: Whether it is the result of a recorded run, and was not called now.
    """

    step: str
    call_key: str
    tool: str
    result: ToolResult
    duration_seconds: float
    replayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRequested(Event):
    """A person must say whether something may be done.

    Attributes:
        tool: Qualified name of the tool; empty if an agent asks for itself.
        arguments: What would be done, exactly.
        digest: SHA-256 of tool and arguments as canonical JSON: what a decision is
            about.
        reason: Why a person is asked.
        expires_at: When it is decided without one; empty is never.
        on_expiry: What then holds: ``reject`` or ``fail``.
    """

    step: str
    call_key: str
    tool: str
    arguments: JsonObject
    digest: str
    reason: str = ""
    expires_at: str = ""
    on_expiry: Literal["reject", "fail"] = "reject"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalDecided(Requested):
    """Somebody said whether it may be done.

    Attributes:
        call_key: The call.
        digest: What was decided about, as in `ApprovalRequested`.
        allow: Whether it may.
        by: Who said so: a person's name, or ``expiry``.
        reason: Why, for the agent.
        arguments: What is to be done instead; `None` is what was asked.
    """

    call_key: str
    digest: str
    allow: bool
    by: str = ""
    reason: str = ""
    arguments: JsonObject | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InputRequested(Event):
    """A person is asked for something that only people know.

    Attributes:
        question: The question.
        schema: JSON Schema that the answer must fit; empty is any text.
        expires_at: When the step fails without one; empty is never.
    """

    step: str
    call_key: str
    question: str
    schema: JsonObject = field(default_factory=dict)
    expires_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputGiven(Requested):
    """Somebody answered.

    Attributes:
        call_key: The question's.
        value: The answer.
        by: Who gave it.
    """

    call_key: str
    value: Json
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardrailDecided(Event):
    """A guardrail let something pass, changed it, or refused it.

    Attributes:
        guardrail: Qualified name of the guardrail.
        stage: Where it stands.
        subject: What it checked.
        step: The step this belongs to; empty for the objective.
        call_key: The model or tool call this belongs to; empty if to none.
        allow: Whether the work may go on.
        reason: Why, for people.
        failed: Whether it gave no verdict: what then holds is the configuration's.
        before_sha256: Digest of what it was given, as canonical JSON.
        after_sha256: Digest of what the work goes on with; the same if unchanged.
        replacement: What it was changed to; `None` if it was not.
    """

    guardrail: str
    stage: Stage
    subject: Subject
    step: str
    call_key: str
    allow: bool
    reason: str
    failed: bool
    before_sha256: str
    after_sha256: str
    replacement: Json = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueRecorded(Event):
    """A value an agent must see again when its step is run again."""

    step: str
    call_key: str
    value: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryCompacted(Event):
    """What was said before the run was made to fit the model.

    Attributes:
        history: What the step is told of it.
        complete: Whether what was taken out is summed up in it, so that it stands for
            all that was said from now on. Else nobody could sum it up, and it is left
            out for this step alone.
    """

    step: str
    history: tuple[Message, ...]
    complete: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactWritten(Event):
    """A file was written below the run's folder.

    Attributes:
        path: Relative to the folder, with forward slashes.
        size: In bytes.
        sha256: Digest of the content, in hex.
        call: The key of the call of the tool that wrote it; empty if an agent did.
    """

    step: str
    path: str
    size: int
    sha256: str
    call: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progressed(Event):
    """An agent said how far it is.

    Attributes:
        fraction: 0 to 1, where the agent can tell.
    """

    step: str
    message: str
    fraction: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayDiverged(Event):
    """A step asked something else than the recorded run; from here on it is real.

    Attributes:
        call_key: The call that the record does not have.
        difference: What is different, as one sentence.
        diff: What was recorded and what is asked, as a unified diff.
    """

    step: str
    call_key: str
    difference: str
    diff: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownEvent(Event):
    """An event of a newer version: kept as it is, and otherwise ignored.

    Attributes:
        type: What that version calls it.
        data: All its fields.
    """

    type: str
    data: JsonObject


def status_after(event: Event) -> RunStatus | None:
    """Return the status an event gives its run; `None` if it leaves it alone."""
    if isinstance(event, RunFinished):
        return "degraded" if event.degraded else "completed"
    return _STATUS.get(type(event))


_STATUS: Mapping[type[Event], RunStatus] = {
    RunAccepted: "running",
    RunStarted: "running",
    RunResumed: "running",
    RunFailed: "failed",
    RunCancelled: "cancelled",
    RunPaused: "paused",
    RunRewound: "paused",
}
