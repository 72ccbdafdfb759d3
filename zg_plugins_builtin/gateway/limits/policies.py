"""How much may be spent: what somebody set, or else what the operator decided."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, bindparam, select

from . import tables
from .accounts import Account, Period, Scope

__all__ = ["MOST", "NO_LIMIT", "Policy", "SpendSettings", "policies_of"]

POLICIES = tables.policies
MOST = 10**15
"""The largest budget, in tokens or millionths of a US dollar; sums stay in 64 bits."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The most that may be spent in a period; `None` is no limit.

    Args:
        tokens: Tokens, in and out.
        nanos: Money, in billionths of a US dollar.
    """

    tokens: int | None = None
    nanos: int | None = None

    @property
    def limited(self) -> bool:
        """Whether anything is limited."""
        return not (self.tokens is self.nanos is None)


NO_LIMIT = Policy()


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendSettings:
    """What may be spent by whom nothing else was set for.

    Args:
        defaults: By scope and period.
    """

    defaults: Mapping[tuple[Scope, Period], Policy] = field(default_factory=dict)


def policies_of(
    connection: Connection, accounts: Iterable[Account], settings: SpendSettings
) -> dict[Account, Policy]:
    """Return how much may be spent from each account.

    Args:
        connection: The database.
        accounts: The accounts, of one tenant.
        settings: What holds where nothing was set.
    """
    wanted = list(accounts)
    whose = {"tenant": wanted[0].tenant, "ids": sorted({a.id for a in wanted})}
    known = {
        (row.scope, row.scope_id, row.period): Policy(row.tokens, row.cost_nanos)
        for row in connection.execute(_SET_FOR, whose)
    }
    found = {}
    for account in wanted:
        default = settings.defaults.get((account.scope, account.period), NO_LIMIT)
        key = account.scope, account.id, account.period
        found[account] = known.get(key, default)
    return found


# Made once: to make it takes longer than to execute it.
_SET_FOR = select(POLICIES).where(
    POLICIES.c.tenant_id == bindparam("tenant"),
    POLICIES.c.scope_id.in_(bindparam("ids", expanding=True)),
)
