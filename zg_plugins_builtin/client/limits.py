"""What a service says of limits: what was spent, and what is left to whoever asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from .records import Record

__all__ = ["Amount", "BudgetLeft", "Limits", "Places", "RateLeft", "SpentBy", "UsageBy"]


@dataclass(frozen=True, kw_only=True)
class SpentBy(Record):
    """What was spent in one day, by one user or agent, or on one model.

    Attributes:
        key: Which it is.
        cost_usd_micros: `None` where a price is not known.
    """

    key: str = ""
    calls: int = 0
    unpriced_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd_micros: int | None = None


@dataclass(frozen=True, kw_only=True)
class UsageBy(Record):
    """What a tenant spent in some days, of UTC.

    Attributes:
        start: The first day, like ``2026-11-01``.
        end: The last day.
        has_more: Whether others spent something too, who are not in `data`.
    """

    start: str = ""
    end: str = ""
    group_by: str = ""
    data: Sequence[SpentBy] = ()
    has_more: bool = False


@dataclass(frozen=True, kw_only=True)
class Amount(Record):
    """How much of something there is; `None` is no limit."""

    limit: int | None = None
    spent: int = 0
    reserved: int = 0
    remaining: int | None = None


@dataclass(frozen=True, kw_only=True)
class BudgetLeft(Record):
    """What may still be spent in a period."""

    scope: str = ""
    id: str = ""
    period: str = ""
    tokens: Amount = Amount()
    cost_usd_micros: Amount = Amount()
    resets_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class RateLeft(Record):
    """How often may be asked, by class of requests."""

    name: str = ""
    requests: int = 0
    seconds: int = 0
    remaining: int = 0
    reset_seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Places(Record):
    """How many jobs there are, and may be."""

    limit: int = 0
    used: int = 0


@dataclass(frozen=True, kw_only=True)
class Limits(Record):
    """What whoever asks may do, and has done of that.

    Attributes:
        stopped: Why all of their work is stopped, if it is.
    """

    budgets: Sequence[BudgetLeft] = ()
    rates: Sequence[RateLeft] = ()
    running_jobs: Places = Places()
    queued_jobs: Places = Places()
    stopped: Sequence[str] = ()
