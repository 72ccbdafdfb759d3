"""Put what happened in a run into words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from zg_core._names import local_name
from zg_core._step_paths import depth
from zg_core.events import (
    ApprovalDecided,
    ApprovalRequested,
    ArtifactWritten,
    CancelRequested,
    Event,
    GuardrailDecided,
    HistoryCompacted,
    InputGiven,
    InputRequested,
    LimitsChanged,
    ModelAnswered,
    ModelFailed,
    PauseRequested,
    PluginLoaded,
    Progressed,
    ReplayDiverged,
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
    StepDegraded,
    StepExpanded,
    StepFailed,
    StepFinished,
    StepSkipped,
    StepStarted,
    ToolFinished,
    UnknownEvent,
)
from zg_core.usage import Limits

__all__ = [
    "allowed",
    "calls",
    "cost",
    "in_words",
    "local_time",
    "model_line",
    "names",
    "on_one_line",
    "place",
    "seconds",
    "size",
    "tokens",
]


def seconds(value: float | None) -> str:
    """Return a duration: ``3.2 s``, ``4 min 05 s``."""
    if value is None:
        return "-"
    if value < 60:
        return f"{value:.1f} s"
    return f"{value // 60:.0f} min {value % 60:02.0f} s"


def tokens(count: int) -> str:
    """Return a number of tokens."""
    return f"{count:,} token{'s' * (count != 1)}"


def calls(count: int, kind: str = "") -> str:
    """Return a number of calls, of a kind such as ``model``."""
    return f"{count:,} {kind and f'{kind} '}call{'s' * (count != 1)}"


def size(count: int) -> str:
    """Return the size of a file."""
    return f"{count:,} byte{'s' * (count != 1)}"


def cost(usd: float | None, unpriced: int = 0, calls: int = 1) -> str:
    """Return what calls cost.

    Args:
        usd: What those of known price cost; `None` if there is none.
        unpriced: How many have no known price. They are never taken for free.
        calls: How many there were.
    """
    if calls == 0 and not unpriced and not usd:
        return "nothing"
    if usd is None or (unpriced >= calls and not usd):
        return "at a price we do not know"
    known = "nothing" if usd == 0 else f"${usd:.4f}" if usd >= 1e-4 else "under $0.0001"
    if not unpriced:
        return known
    return f"{known}, and {unpriced} of {calls} calls at a price we do not know"


def allowed(limits: Limits) -> str:
    """Return what limits allow: ``usd 0.5, calls 1,000``; empty if all."""
    given = ((name, value) for name, value in asdict(limits).items() if value)
    return ", ".join(f"{name} {value:,}" for name, value in given)


def names(qualified: Sequence[str]) -> str:
    """Return names without their plugins."""
    return ", ".join(map(local_name, qualified))


def place(path: str) -> str:
    """Return a path of events for people: ``draft``, ``draft[0], round 2``."""
    found = _ROUND.search(path)
    return f"{_ROUND.sub('', path, 1)}, round {found[1]}" if found else path


_ROUND = re.compile(r"@(\d+)")


def on_one_line(text: str) -> str:
    """Return a text so that it cannot pass for several lines of ours."""
    return " ⏎ ".join(text.splitlines())


def local_time(at: str) -> str:
    """Return a time of the journal as the clock on the wall had it."""
    return f"{datetime.fromisoformat(at).astimezone():%Y-%m-%d %H:%M:%S}"


def model_line(model: str, reason: str, drill: str = "") -> str:
    """Return the first line of a run: which models it will try, and why."""
    line = f"model {model} ({reason})" if model else f"no model ({reason})"
    return f"{line}; a drill: {drill}" if drill else line


def in_words(event: Event) -> str:
    """Return one line about an event; empty for one of interest to machines only."""
    match event:
        case (
            StepStarted()
            | StepFinished()
            | StepFailed()
            | StepDegraded()
            | StepSkipped()
            | StepExpanded()
            | ModelAnswered()
            | ModelFailed()
            | ToolFinished()
            | ApprovalRequested()
            | InputRequested()
            | HistoryCompacted()
            | ArtifactWritten()
            | Progressed()
        ):
            text = _of_step(event)
            indent = "  " * depth(event.step)
            line = f"{indent}{place(event.step)}: {text}" if text else ""
        case _:
            line = _of_run(event)
    return on_one_line(line)


def _of_run(event: Event) -> str:
    match event:
        case RunAccepted():
            of = f", forked from {event.forked_from}" if event.forked_from else ""
            return f"run {event.run_id}{of}: {' '.join(event.objective.split()):.100}"
        case RunStarted():
            return model_line(event.model, event.model_reason, event.drill)
        case RouteChosen():
            sure = "" if event.probability is None else f", {event.probability:.0%}"
            return f"{event.label}{sure} ({event.reason}): {names(event.agents)}"
        case RunRewound():
            return f"set back to before {event.step}: {', '.join(event.steps)}"
        case RunResumed():
            return f"goes on{event.drill and f'; a drill: {event.drill}'}"
        case ReplayDiverged():
            return f"from here on it is real: {event.difference}"
        case LimitsChanged():
            return f"its limits are now: {allowed(event.limits) or 'those of steps'}"
        case RequestRefused():
            return f"refused what was asked: {event.reason}"
        case CancelRequested():
            return f"asked to stop{f': {event.reason}' if event.reason else ''}"
        case RunFinished():
            return "done, with something missing" if event.degraded else "done"
        case RunFailed():
            return f"failed: {event.error.cause}"
        case RunCancelled():
            return "stopped"
        case GuardrailDecided():
            return _verdict(event)
        case PluginLoaded():
            return f"loaded the plugin {event.plugin.id} {event.plugin.version}"
        case PauseRequested():
            return f"asked to pause{f': {event.reason}' if event.reason else ''}"
        case RunPaused():
            return f"paused: {event.reason}"
        case ApprovalDecided() | InputGiven():
            return _said(event)
        case UnknownEvent():
            return f"{event.type} (of a newer version)"
    return ""


def _said(event: ApprovalDecided | InputGiven) -> str:
    step, by = place(event.call_key.partition(":")[0]), event.by or "somebody"
    if isinstance(event, InputGiven):
        return f"{step}: {by} answered"
    verb = "allowed" if event.allow else "refused"
    edited = ", with other arguments" if event.arguments is not None else ""
    why = f": {event.reason}" if event.reason else ""
    return f"{step}: {by} {verb} it{edited}{why}"


def _verdict(event: GuardrailDecided) -> str:
    """Say what a guardrail decided, if it did not simply let pass what it saw."""
    if event.allow and event.before_sha256 == event.after_sha256 and not event.failed:
        return ""
    verb = "refused" if not event.allow else "changed"
    if event.failed and event.allow:
        verb = "gave no verdict on"
    where = f"{place(event.step)}: " if event.step else ""
    why = f": {event.reason}" if event.reason else ""
    return f"{where}{event.guardrail} {verb} the {event.subject}{why}"


def _of_step(event: Event) -> str:
    match event:
        case StepStarted():
            asked = f": {' '.join(event.prompt.split()):.100}" if event.prompt else ""
            return f"{local_name(event.agent)} begins{asked}"
        case StepFinished(again=repeated) if repeated:
            return f"not good enough; another round of {', '.join(repeated)}"
        case StepFinished():
            return "done"
        case StepExpanded():
            count = len(event.items)
            return f"to be done for {count:,} item{'s' * (count != 1)}"
        case StepFailed():
            return f"failed: {event.error.cause}"
        case StepDegraded():
            return f"something is missing, and the run goes on: {event.error.cause}"
        case StepSkipped(error=error) if error is not None:
            return f"skipped, since it failed: {error.cause}"
        case StepSkipped():
            return f"left out: {event.reason}"
        case ModelAnswered(replayed=True):
            return f"{event.model} answered, in the recorded run"
        case ModelAnswered():
            spent = tokens(event.response.usage.total_tokens)
            took = seconds(event.duration_seconds)
            return f"{event.model} answered: {spent}, {took}, {cost(event.cost_usd)}"
        case ModelFailed():
            wait = event.retry_in_seconds
            again = "" if wait is None else f"; again in {seconds(wait)}"
            then = ", in the recorded run" if event.replayed else ""
            return f"{event.model} failed{then}: {event.error.cause}{again}"
        case ToolFinished():
            failed = f" failed: {event.result.error}" if event.result.error else ""
            then = ", in the recorded run" if event.replayed else ""
            return f"{local_name(event.tool)}{then}{failed}"
        case ApprovalRequested():
            what = local_name(event.tool) if event.tool else "something"
            return f"a person is asked about {what}: {event.reason}"
        case InputRequested():
            return f"a person is asked: {' '.join(event.question.split()):.100}"
        case HistoryCompacted(complete=True):
            return "what was said before is too long, and was summed up"
        case HistoryCompacted():
            return "what was said before is too long, and is left out this time"
        case ArtifactWritten():
            return f"wrote {event.path} ({size(event.size)})"
        case Progressed():
            far = "" if event.fraction is None else f" ({event.fraction:.0%})"
            return f"{event.message}{far}"
    return ""
