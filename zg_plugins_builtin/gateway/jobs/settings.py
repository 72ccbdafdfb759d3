"""How much the service does at once, and for whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

__all__ = ["JobSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSettings:
    """How much the service does at once, and for whom.

    Args:
        running: How many jobs run in this process at once.
        total: How many run at once in all processes that share them; `None` for as
            many as their workers do.
        tenant_running: How many of one tenant.
        tenant_queued: How many jobs of one tenant may wait.
        queued: How many jobs may wait in all.
        weights: How much more of the service's time a tenant gets than others, by
            its id; 1 where nothing is said.
        ageing: After how long of waiting a job counts as of the next priority.
        keys_kept: How long an idempotency key is remembered.
        tell_every: Seconds between two tellings of progress, at least.
    """

    running: int = 100
    total: int | None = None
    tenant_running: int = 10
    tenant_queued: int = 200
    queued: int = 10_000
    weights: Mapping[str, int] = field(default_factory=dict)
    ageing: timedelta = timedelta(minutes=5)
    keys_kept: timedelta = timedelta(hours=24)
    tell_every: float = 0.25
