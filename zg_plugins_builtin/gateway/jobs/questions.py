"""The ids of what jobs ask people."""

from __future__ import annotations

import hashlib

__all__ = ["question_id"]


def question_id(job_id: str, call_key: str, kind: str) -> str:
    """Return the id of a question: the same whenever it is read from the journal."""
    said = hashlib.sha256(f"{job_id}/{call_key}".encode()).hexdigest()[:32]
    return f"{'apr' if kind == 'approval' else 'inp'}_{said}"
