"""Put what happened in a run into words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from zg_core._names import local_name
from zg_core.events import (
    ArtifactWritten,
    CancelRequested,
    Event,
    GuardrailDecided,
    ModelAnswered,
    ModelFailed,
    PluginLoaded,
    Progressed,
    RouteChosen,
    RunAccepted,
    RunCancelled,
    RunFailed,
    RunFinished,
    RunResumed,
    RunStarted,
    StepDegraded,
    StepFailed,
    StepFinished,
    StepSkipped,
    StepStarted,
    ToolFinished,
    UnknownEvent,
)

__all__ = [
    "cost",
    "in_words",
    "local_time",
    "model_line",
    "names",
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
    if calls == 0:
        return "nothing"
    if usd is None or unpriced >= calls:
        return "at a price we do not know"
    known = "nothing" if usd == 0 else f"${usd:.4f}" if usd >= 1e-4 else "under $0.0001"
    if not unpriced:
        return known
    return f"{known}, and {unpriced} of {calls} calls at a price we do not know"


def names(qualified: Sequence[str]) -> str:
    """Return names without their plugins."""
    return ", ".join(map(local_name, qualified))


def local_time(at: str) -> str:
    """Return a time of the journal as the clock on the wall had it."""
    return f"{datetime.fromisoformat(at).astimezone():%Y-%m-%d %H:%M:%S}"


def model_line(model: str, reason: str) -> str:
    """Return the first line of a run: which models it will try, and why."""
    return f"model {model} ({reason})" if model else f"no model ({reason})"


def in_words(event: Event) -> str:
    """Return one line about an event; empty for one of interest to machines only."""
    match event:
        case (
            StepStarted()
            | StepFinished()
            | StepFailed()
            | StepDegraded()
            | StepSkipped()
            | ModelAnswered()
            | ModelFailed()
            | ToolFinished()
            | ArtifactWritten()
            | Progressed()
        ):
            text = _of_step(event)
            return f"{event.step}: {text}" if text else ""
        case RunAccepted():
            return f"run {event.run_id}: {' '.join(event.objective.split()):.100}"
        case RunStarted():
            return model_line(event.model, event.model_reason)
        case RouteChosen():
            sure = "" if event.probability is None else f", {event.probability:.0%}"
            return f"{event.label}{sure} ({event.reason}): {names(event.agents)}"
        case RunResumed():
            return "taken up again"
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
        case UnknownEvent():
            return f"{event.type} (of a newer version)"
    return ""


def _verdict(event: GuardrailDecided) -> str:
    """Say what a guardrail decided, if it did not simply let pass what it saw."""
    if event.allow and event.before_sha256 == event.after_sha256 and not event.failed:
        return ""
    verb = "refused" if not event.allow else "changed"
    if event.failed and event.allow:
        verb = "gave no verdict on"
    where = f"{event.step}: " if event.step else ""
    why = f": {event.reason}" if event.reason else ""
    return f"{where}{event.guardrail} {verb} the {event.subject}{why}"


def _of_step(event: Event) -> str:
    match event:
        case StepStarted():
            return f"{local_name(event.agent)} begins"
        case StepFinished():
            return "done"
        case StepFailed():
            return f"failed: {event.error.cause}"
        case StepDegraded():
            return f"failed, and the run goes on without it: {event.error.cause}"
        case StepSkipped():
            return f"left out: {event.error.cause if event.error else event.reason}"
        case ModelAnswered():
            spent = tokens(event.response.usage.total_tokens)
            took = seconds(event.duration_seconds)
            return f"{event.model} answered: {spent}, {took}, {cost(event.cost_usd)}"
        case ModelFailed():
            wait = event.retry_in_seconds
            again = "" if wait is None else f"; again in {seconds(wait)}"
            return f"{event.model} failed: {event.error.cause}{again}"
        case ToolFinished():
            failed = f" failed: {event.result.error}" if event.result.error else ""
            return f"{local_name(event.tool)}{failed}"
        case ArtifactWritten():
            return f"wrote {event.path} ({size(event.size)})"
        case Progressed():
            far = "" if event.fraction is None else f" ({event.fraction:.0%})"
            return f"{event.message}{far}"
    return ""
