"""Forget old runs."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

from zg_core.engine import Engine
from zg_core.errors import RunBusyError, RunNotFoundError

__all__ = ["forget_older"]


async def forget_older(
    engine: Engine, age: timedelta, *, paused: bool = True
) -> list[str]:
    """Delete the runs that have not changed for *age*, and return their ids.

    Runs that somebody is doing are left alone. Files stay where they are.

    Args:
        engine: What has the runs.
        age: How long they have not changed.
        paused: Whether also those that wait for people.
    """
    limit = datetime.now(UTC) - age
    forgotten = []
    for run in await engine.journal.list(limit=sys.maxsize):
        if run.status == "paused" and not paused:
            continue
        if run.owned or datetime.fromisoformat(run.updated_at) >= limit:
            continue
        try:
            await engine.journal.delete(run.run_id)
        except (RunBusyError, RunNotFoundError):
            continue  # somebody took it up, or was faster
        forgotten.append(run.run_id)
    return forgotten
