"""What clients are told of each event of a run: its type, and what is in it.

Each event of the journal is one event of the stream, of the same number, so that the
numbers have no gaps. What concerns the machine and not the job is left out.
"""

from __future__ import annotations

import json

import zg_core as zg

from .artifacts import artifact_id
from .following import Following
from .questions import question_id
from .states import STATUSES, ended_type
from .views import job_path

__all__ = ["envelope"]

_LONGEST_RESULT = 64 * 1024
_LONGEST_PREVIEW = 2_000
_BARE: dict[type[zg.Event], str] = {
    zg.RunAccepted: "job.queued",
    zg.RunStarted: "job.started",
    zg.RunRewound: "job.rewound",
    zg.PluginLoaded: "plugin.loaded",
    zg.ValueRecorded: "value.recorded",
    zg.HistoryCompacted: "history.compacted",
    zg.ReplayDiverged: "replay.diverged",
    zg.LimitsChanged: "limits.changed",
    zg.RequestRefused: "request.refused",
    zg.PauseRequested: "job.pausing",
    zg.UnknownEvent: "event",
}
"""Events of which only their type is told."""


def envelope(event: zg.Event, following: Following) -> zg.JsonObject:
    """Return what is told of an event.

    Args:
        event: The event.
        following: What all events came to, with this one.
    """
    kind, data = _told(event, following)
    return {
        "v": 1,
        "type": kind,
        "seq": event.seq,
        "job_id": event.run_id,
        "ts": event.at,
        "state": following.state,
        "data": data,
    }


def _told(event: zg.Event, following: Following) -> tuple[str, zg.JsonObject]:
    bare = _BARE.get(type(event))
    if bare is not None:
        return bare, {}
    for told in (_run, _step, _model, _tool, _people):
        found = told(event, following)
        if found is not None:
            return found
    return "event", {}


def _run(event: zg.Event, following: Following) -> tuple[str, zg.JsonObject] | None:
    match event:
        case zg.RunResumed(epoch=epoch):
            return "job.resumed", {"attempt": epoch}
        case zg.RouteChosen(label=label, agents=agents):
            return "route.chosen", {"category": label, "agents": list(agents)}
        case zg.CancelRequested(reason=reason):
            return "job.cancelling", {"reason": reason}
        case zg.RunPaused(reason=reason):
            return "job.paused", {"reason": reason}
        case zg.RunFinished() | zg.RunFailed() | zg.RunCancelled():
            return ended_type(following.state), _ended(event, following)
        case zg.ArtifactWritten(path=path, size=size, sha256=sha256):
            return "artifact.created", {
                "artifact_id": artifact_id(event.run_id, path, sha256),
                "path": path,
                "size": size,
                "sha256": sha256,
            }
    return None


def _ended(event: zg.Event, following: Following) -> zg.JsonObject:
    result = following.result
    whole = len(json.dumps(result)) <= _LONGEST_RESULT
    return {
        "status": STATUSES[following.state],
        "state": following.state,
        "progress": following.progress if following.error is None else None,
        "result": result if whole else None,
        "error": following.error,
        "links": {"self": job_path(event.run_id)},
    }


def _step(event: zg.Event, following: Following) -> tuple[str, zg.JsonObject] | None:
    match event:
        case zg.StepStarted(step=step, agent=agent):
            return "step.started", {"step_id": step, "agent": agent}
        case zg.StepExpanded(step=step, items=items):
            return "step.expanded", {"step_id": step, "items": len(items)}
        case zg.StepFinished(step=step, again=again):
            return "step.finished", {"step_id": step, "ok": True, "again": list(again)}
        case (
            zg.StepDegraded(step=step, error=error)
            | zg.StepFailed(step=step, error=error)
        ):
            return "step.finished", {"step_id": step, "ok": False, "error": error.cause}
        case zg.StepSkipped(step=step, reason=reason):
            return "step.skipped", {"step_id": step, "reason": reason}
        case zg.Progressed(step=step, message=message):
            data = {"step_id": step, "message": message}
            return "job.progress", {"progress": following.progress, **data}
    return None


def _model(event: zg.Event, _: Following) -> tuple[str, zg.JsonObject] | None:
    match event:
        case zg.ModelCalled(step=step, call_key=call, model=model, attempt=attempt):
            return "model.called", {
                "step_id": step,
                "message_id": call,
                "model": model,
                "attempt": attempt,
            }
        case zg.ModelFailed(step=step, call_key=call, model=model, error=error):
            return "model.failed", {
                "step_id": step,
                "message_id": call,
                "model": model,
                "error": error.cause,
            }
        case zg.ModelAnswered(step=step, call_key=call, model=model, response=said):
            return "message.completed", {
                "step_id": step,
                "message_id": call,
                "model": model,
                "text": said.text[:_LONGEST_RESULT],
                "truncated": len(said.text) > _LONGEST_RESULT,
                "usage": {
                    "input_tokens": said.usage.input_tokens,
                    "output_tokens": said.usage.output_tokens,
                    "cost_usd_micros": None
                    if event.cost_usd is None
                    else round(event.cost_usd * 1e6),
                },
            }
    return None


def _tool(event: zg.Event, _: Following) -> tuple[str, zg.JsonObject] | None:
    match event:
        case zg.ToolStarted(step=step, call_key=call, tool=tool, arguments=arguments):
            return "tool.started", {
                "step_id": step,
                "tool_call_id": call,
                "tool": tool,
                "args_preview": json.dumps(arguments)[:_LONGEST_PREVIEW],
                "effect": event.effect,
            }
        case zg.ToolFinished(step=step, call_key=call, tool=tool, result=result):
            return "tool.finished", {
                "step_id": step,
                "tool_call_id": call,
                "tool": tool,
                "ok": result.error is None,
                "duration_ms": round(event.duration_seconds * 1000),
                "result_preview": result.text[:_LONGEST_PREVIEW],
            }
        case zg.GuardrailDecided(guardrail=guardrail, allow=allow, reason=reason):
            return "guardrail.decided", {
                "guardrail": guardrail,
                "allow": allow,
                "reason": reason,
            }
    return None


def _people(event: zg.Event, _: Following) -> tuple[str, zg.JsonObject] | None:
    match event:
        case zg.ApprovalRequested(call_key=call, tool=tool, digest=digest):
            return "approval.requested", {
                "approval_id": question_id(event.run_id, call, "approval"),
                "tool": tool,
                "args": event.arguments,
                "args_sha256": digest,
                "reason": event.reason,
                "expires_at": event.expires_at or None,
            }
        case zg.ApprovalDecided(call_key=call, allow=allow, by=by):
            expired = by == "expiry"
            return "approval.expired" if expired else "approval.decided", {
                "approval_id": question_id(event.run_id, call, "approval"),
                "decision": "approve" if allow else "reject",
                "by": by,
            }
        case zg.InputRequested(call_key=call, question=question, schema=schema):
            return "input.requested", {
                "interrupt_id": question_id(event.run_id, call, "input"),
                "question": question,
                "response_schema": schema,
                "expires_at": event.expires_at or None,
            }
        case zg.InputGiven(call_key=call, by=by):
            return "input.resolved", {
                "interrupt_id": question_id(event.run_id, call, "input"),
                "by": by,
            }
    return None
