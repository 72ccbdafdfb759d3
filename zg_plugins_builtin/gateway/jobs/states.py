"""The states of a job, and the four words that clients were promised."""

from __future__ import annotations

from typing import Literal, TypeAlias

from zg_core.plugin_api import JsonObject

__all__ = [
    "AWAITING",
    "ENDED",
    "STATES",
    "STATUSES",
    "WAITING",
    "Status",
    "ended_type",
    "failure_state",
]

Status: TypeAlias = Literal["queued", "processing", "completed", "failed"]

STATUSES: dict[str, Status] = {
    "queued": "queued",
    "scheduled": "queued",
    "running": "processing",
    "cancelling": "processing",
    "awaiting_approval": "processing",
    "awaiting_input": "processing",
    "paused": "processing",
    "succeeded": "completed",
    "degraded": "completed",
    "failed": "failed",
    "timed_out": "failed",
    "budget_exhausted": "failed",
    "cancelled": "failed",
    "rejected": "failed",
}
"""The promised status of each state."""

STATES = tuple(STATUSES)
WAITING = ("queued", "scheduled")
AWAITING = ("awaiting_approval", "awaiting_input", "paused")
ENDED = tuple(s for s, word in STATUSES.items() if word in ("completed", "failed"))
"""The states that no job leaves."""

_TYPES = {
    "succeeded": "job.completed",
    "degraded": "job.completed",
    "cancelled": "job.cancelled",
    "rejected": "job.rejected",
}


def ended_type(state: str) -> str:
    """Return the type of the event that tells of an end."""
    return _TYPES.get(state, "job.failed")


def failure_state(kind: str, details: JsonObject) -> str:
    """Return the state of a job whose run failed.

    Args:
        kind: The name of the error's class.
        details: Its parts as data.
    """
    if kind == "GuardrailError":
        return "rejected"
    if kind == "LimitError":
        return "timed_out" if details.get("limit") == "seconds" else "budget_exhausted"
    return "failed"
