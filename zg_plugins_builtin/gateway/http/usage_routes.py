"""What a tenant spent, and what is left to whoever asks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Security
from pydantic import BeforeValidator

from ..errors import Fault, InvalidRequestError
from ..identity.principals import Principal
from ..jobs import Jobs
from ..limits import Standing, Used
from .json_body import JsonRoute
from .models import Answer, Moment
from .requirements import require
from .services import Services

__all__ = ["routes_of"]

_LONGEST = 366
_USUAL = 29
_CLASSES = ("read", "write", "stream")

Reader = Annotated[Principal, Security(require("usage:read"))]
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _only_days(said: object) -> object:
    """Let nothing pass for a day that is a number elsewhere."""
    if not isinstance(said, str) or not _DAY.fullmatch(said):
        raise ValueError("must be a day, as 2026-11-30")
    return said


Day = Annotated[date, BeforeValidator(_only_days)]
From = Annotated[Day | None, Query(alias="from", examples=["2026-11-01"])]
To = Annotated[Day | None, Query(alias="to", examples=["2026-11-30"])]
By = Annotated[Literal["day", "user", "agent", "model"], Query()]


class UsedBy(Answer):
    """What was spent by one; the cost is null where a price is not known."""

    key: str
    calls: int
    unpriced_calls: int
    input_tokens: int
    output_tokens: int
    cost_usd_micros: int | None


class SpentAnswer(Answer):
    """What a tenant spent in some days, of UTC: the 1,000 that spent most, at most.

    Args:
        has_more: Whether others spent something too, who are not among these.
    """

    start: date
    end: date
    group_by: str
    data: Sequence[UsedBy]
    has_more: bool


class Amount(Answer):
    """How much of something there is; null is no limit."""

    limit: int | None
    spent: int
    reserved: int
    remaining: int | None


class BudgetState(Answer):
    """What may still be spent in a period."""

    scope: str
    id: str
    period: str
    tokens: Amount
    cost_usd_micros: Amount
    resets_at: Moment


class RateState(Answer):
    """How often may be asked."""

    name: str
    requests: int
    seconds: int
    remaining: int
    reset_seconds: float


class Places(Answer):
    """How many jobs there are, and may be."""

    limit: int
    used: int


class LimitsAnswer(Answer):
    """What whoever asks may do, and has done of that."""

    budgets: Sequence[BudgetState]
    rates: Sequence[RateState]
    running_jobs: Places
    queued_jobs: Places
    stopped: Sequence[str]


def routes_of(jobs: Jobs, services: Services) -> APIRouter:
    """Return the routes.

    Args:
        jobs: The jobs, and what they spend.
        services: What all routes work with.
    """
    routes = APIRouter(prefix="/api/v1", route_class=JsonRoute, tags=["usage"])

    @routes.get("/usage")
    async def usage(
        who: Reader, since: From = None, until: To = None, group_by: By = "day"
    ) -> SpentAnswer:
        """Answer with what the tenant spent; by default in the last 30 days."""
        last = until or services.clock.now().date()
        first = since or last - timedelta(days=_USUAL)
        _check_days(first, last)
        used, more = await jobs.spending.usage(
            who.tid, _midnight(first), _midnight(last), group_by
        )
        return SpentAnswer(
            start=first,
            end=last,
            group_by=group_by,
            data=[_used(one) for one in used],
            has_more=more,
        )

    @routes.get("/limits")
    async def limits(who: Reader) -> LimitsAnswer:
        """Answer with all limits that concern who asks, and what is left of them."""
        standings = await jobs.spending.standings(who)
        room = await jobs.room(who.tid)
        stop = await jobs.spending.switches.stops(who.tid)
        return LimitsAnswer(
            budgets=[_budget(one) for one in standings],
            rates=_rates(who, services),
            running_jobs=Places(limit=room.most_running, used=room.running),
            queued_jobs=Places(limit=room.most_queued, used=room.queued),
            stopped=[stop.reason] if stop else [],
        )

    return routes


def _check_days(first: date, last: date) -> None:
    if first > last:
        why = "must not be before the first day"
    elif (last - first).days >= _LONGEST:
        why = f"must be within {_LONGEST} days of the first"
    else:
        return
    raise InvalidRequestError(
        "1 thing is wrong", "", Fault("/to", "invalid", why, "query")
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _used(used: Used) -> UsedBy:
    key = used.key.date().isoformat() if isinstance(used.key, datetime) else used.key
    cost = None if used.unpriced_calls else _up(used.nanos)
    return UsedBy(
        key=key,
        calls=used.calls,
        unpriced_calls=used.unpriced_calls,
        input_tokens=used.input_tokens,
        output_tokens=used.output_tokens,
        cost_usd_micros=cost,
    )


def _budget(standing: Standing) -> BudgetState:
    account, policy = standing.account, standing.policy
    tokens = _amount(policy.tokens, standing.spent_tokens, standing.reserved_tokens)
    most = None if policy.nanos is None else policy.nanos // 1000
    money = _amount(most, _up(standing.spent_nanos), _up(standing.reserved_nanos))
    return BudgetState(
        scope=account.scope,
        id=account.id,
        period=account.period,
        tokens=tokens,
        cost_usd_micros=money,
        resets_at=standing.resets_at,
    )


def _amount(limit: int | None, spent: int, reserved: int) -> Amount:
    left = None if limit is None else max(limit - spent - reserved, 0)
    return Amount(limit=limit, spent=spent, reserved=reserved, remaining=left)


def _up(nanos: int) -> int:
    """Return millionths of a US dollar: a part of one counts as one."""
    return -(-nanos // 1000)


def _rates(who: Principal, services: Services) -> list[RateState]:
    found = []
    for rate in services.settings.rates:
        if rate.name in _CLASSES:
            standing = services.limits.standing(rate.name, f"{who.tid}/{who.actor}")
            found.append(
                RateState(
                    name=rate.name,
                    requests=rate.requests,
                    seconds=rate.seconds,
                    remaining=standing.remaining,
                    reset_seconds=round(standing.reset, 3),
                )
            )
    return found
