"""What was spent: by day, user, agent or model."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias, get_args

from sqlalchemy import Connection, func, select

from . import tables

__all__ = ["GROUPS", "Group", "Used", "usage_of"]

Group: TypeAlias = Literal["day", "user", "agent", "model"]
GROUPS: tuple[Group, ...] = get_args(Group)
USAGE = tables.usage
_MOST = 1000
"""How many are told at once."""
_COLUMNS = {
    "day": USAGE.c.day,
    "user": USAGE.c.user_id,
    "agent": USAGE.c.agent,
    "model": USAGE.c.model,
}


@dataclass(frozen=True, slots=True)
class Used:
    """What was spent by one.

    Args:
        key: The day, the user, the agent or the model.
        calls: Calls of models.
        unpriced_calls: Those of which nobody knows what they cost.
        input_tokens: Tokens in.
        output_tokens: Tokens out.
        nanos: What the others cost, in billionths of a US dollar.
    """

    key: datetime | str
    calls: int
    unpriced_calls: int
    input_tokens: int
    output_tokens: int
    nanos: int


def usage_of(
    connection: Connection, tenant: str, since: datetime, until: datetime, by: Group
) -> tuple[list[Used], bool]:
    """Return what a tenant spent in some days, by one thing, and whether more was.

    Args:
        connection: The database.
        tenant: The tenant.
        since: The first day.
        until: The last day.
        by: What it is told by; days in order, all else the most expensive first.
    """
    column = _COLUMNS[by]
    sums = [func.sum(USAGE.c[name]) for name in _SUMMED]
    order = (column,) if by == "day" else (sums[-1].desc(), sums[2].desc(), column)
    query = (
        select(column, *sums)
        .where(USAGE.c.tenant_id == tenant, USAGE.c.day.between(since, until))
        .group_by(column)
        .order_by(*order)
        .limit(_MOST + 1)
    )
    rows = connection.execute(query).all()
    found = [Used(key, *map(int, values)) for key, *values in rows[:_MOST]]
    return found, len(rows) > _MOST


_SUMMED = ("calls", "unpriced_calls", "input_tokens", "output_tokens", "cost_nanos")
