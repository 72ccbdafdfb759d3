"""What is told, and how it reads: one small JSON document for each event."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import zg_core as zg

__all__ = ["CALLBACK_TYPES", "EVENT_TYPES", "EVERY_TYPE", "MOST_BYTES", "TEST", "Event"]

MOST_BYTES = 20_000
"""The most a body has, as Standard Webhooks advises."""
EVERY_TYPE = "*"
TEST = "webhook.test"
CALLBACK_TYPES = frozenset(
    ("job.completed", "job.failed", "job.cancelled", "job.rejected")
)
"""What a job's own ``callback_url`` is told: how it ended."""
EVENT_TYPES = CALLBACK_TYPES | {
    "job.queued",
    "job.started",
    "job.retrying",
    "job.cancelling",
    "approval.requested",
    "approval.decided",
    "approval.expired",
    "input.requested",
    "input.resolved",
    "artifact.created",
}
"""What an endpoint may ask to be told."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened.

    Attributes:
        type: What; one of `EVENT_TYPES`, or `TEST`.
        at: When.
        data: The little that is told of it; JSON values.
        job_id: The job it happened to.
        result: What the job came to; told only where an endpoint asks for it.
    """

    type: str
    at: datetime
    data: zg.JsonObject
    job_id: str | None = None
    result: zg.Json = None

    def body(self, *, include_result: bool = False) -> str:
        """Return the document, which is ASCII and of at most `MOST_BYTES`.

        A result that does not fit is left out, and so is all but the job's id of
        data that does not: whoever is told can ask for the rest.
        """
        if include_result and self.result is not None:
            whole = self._document({**self.data, "result": self.result})
            if len(whole) <= MOST_BYTES:
                return whole
            thin = self._document({**self.data, "result_omitted": True})
        else:
            thin = self._document(self.data)
        if len(thin) <= MOST_BYTES:
            return thin
        return self._document({"job_id": self.job_id, "data_omitted": True})

    def _document(self, data: dict[str, Any]) -> str:
        at = self.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return json.dumps(
            {"type": self.type, "timestamp": at, "data": data},
            allow_nan=False,
            separators=(",", ":"),
        )
