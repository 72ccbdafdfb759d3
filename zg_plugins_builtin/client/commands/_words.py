"""Put what happens in a job into words, as `zg` has them on this machine."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ..records import Event, JobRecord, ModelUsage

__all__ = [
    "cost",
    "exactly",
    "in_words",
    "local_name",
    "local_time",
    "on_one_line",
    "status_of",
    "tokens",
    "took",
]

_STATUS = {
    "succeeded": "completed",
    "awaiting_approval": "paused",
    "awaiting_input": "paused",
    "paused": "paused",
    "degraded": "degraded",
    "cancelled": "cancelled",
}


def status_of(job: JobRecord) -> str:
    """Return a job's status in the words that runs on this machine have."""
    return _STATUS.get(job.state) or (job.status if job.ended else job.state)


def on_one_line(text: object) -> str:
    """Return a text so that it cannot pass for several lines of ours."""
    return " ⏎ ".join(str(text).splitlines())


def local_name(qualified: object) -> str:
    """Return a name without its plugin."""
    return str(qualified).rpartition(":")[2]


def local_time(moment: datetime | None) -> str:
    """Return a time as the clock on the wall has it."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}" if moment else "-"


def took(job: JobRecord) -> str:
    """Return how long a job took; empty if nobody knows."""
    if job.started_at is None or job.completed_at is None:
        return ""
    seconds = (job.completed_at - job.started_at).total_seconds()
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{seconds // 60:.0f} min {seconds % 60:02.0f} s"


def tokens(count: int) -> str:
    """Return a number of tokens."""
    return f"{count:,} token{'s' * (count != 1)}"


def cost(spent: Sequence[ModelUsage]) -> str:
    """Return what calls cost; those of unknown price are never taken for free."""
    calls = sum(one.calls for one in spent)
    unpriced = sum(one.unpriced_calls for one in spent)
    micros = sum(one.cost_usd_micros or 0 for one in spent)
    if not calls and not unpriced:
        return "nothing"
    if unpriced >= calls and not micros:
        return "at a price we do not know"
    known = _dollars(micros)
    if not unpriced:
        return known
    return f"{known}, and {unpriced} of {calls} calls at a price we do not know"


def _dollars(micros: float) -> str:
    if micros <= 0:
        return "nothing"
    return f"${micros / 1e6:.4f}" if micros >= 100 else "under $0.0001"


def in_words(event: Event) -> str:
    """Return one line about an event; empty for one of interest to machines only."""
    step = event.data.get("step_id")
    text = on_one_line(_said(event.type, event.data))
    return f"{step}: {text}" if step and text else text


def _said(kind: str, data: Mapping[str, Any]) -> str:
    match kind:
        case "job.started":
            return "begins"
        case "job.resumed":
            return "goes on"
        case "job.cancelling":
            return f"asked to stop{_because(data)}"
        case "job.progress":
            return str(data.get("message") or "")
        case "route.chosen":
            agents = ", ".join(map(local_name, data.get("agents") or ()))
            return f"{data.get('category')}: {agents}"
        case "limits.changed":
            return "its limits were changed"
        case "artifact.created":
            return f"wrote {data.get('path')} ({data.get('size') or 0:,} bytes)"
        case _:
            for told in (_of_step, _of_call, _of_people):
                if text := told(kind, data):
                    return text
    return ""


def _of_step(kind: str, data: Mapping[str, Any]) -> str:
    match kind:
        case "step.started":
            return f"{local_name(data.get('agent'))} begins"
        case "step.expanded":
            return f"to be done for {data.get('items')} items"
        case "step.finished" if data.get("again"):
            return f"not good enough; another round of {', '.join(data['again'])}"
        case "step.finished":
            return "done" if data.get("ok") else f"failed: {data.get('error')}"
        case "step.skipped":
            return f"left out: {data.get('reason')}"
    return ""


def _of_call(kind: str, data: Mapping[str, Any]) -> str:
    match kind:
        case "message.completed":
            used = data.get("usage") or {}
            count = (used.get("input_tokens") or 0) + (used.get("output_tokens") or 0)
            micros = used.get("cost_usd_micros")
            price = "at a price we do not know" if micros is None else _dollars(micros)
            return f"{data.get('model')} answered: {tokens(count)}, {price}"
        case "model.failed":
            return f"{data.get('model')} failed: {data.get('error')}"
        case "tool.finished":
            failed = "" if data.get("ok") else f" failed: {data.get('result_preview')}"
            return f"{local_name(data.get('tool'))}{failed}"
        case "guardrail.decided" if not data.get("allow"):
            return f"{data.get('guardrail')} refused it{_because(data)}"
    return ""


def _of_people(kind: str, data: Mapping[str, Any]) -> str:
    match kind:
        case "approval.requested":
            what = local_name(data.get("tool") or "something")
            return f"a person is asked about {what}{_because(data)}"
        case "input.requested":
            return f"a person is asked: {data.get('question')}"
        case "approval.decided":
            verb = "allowed" if data.get("decision") == "approve" else "refused"
            return f"{data.get('by') or 'somebody'} {verb} it"
        case "approval.expired":
            return "nobody answered in time"
        case "input.resolved":
            return f"{data.get('by') or 'somebody'} answered"
    return ""


def _because(data: Mapping[str, Any]) -> str:
    return f": {data['reason']}" if data.get("reason") else ""


def exactly(value: object) -> str:
    """Return JSON as it is, with what a terminal would obey written as escapes."""
    return json.dumps(value, indent=2, ensure_ascii=True)
