"""Budgets as people set them and look at them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, delete, func, or_, select

from ..errors import NotFoundError
from ..identity import Principal, record
from ..identity import tables as identity
from ..identity.accounts import check_over
from ..identity.api_keys import first_of
from . import tables
from .accounts import Account, Payer, paying
from .policies import Policy, SpendSettings, policies_of

__all__ = ["Budget", "Standing", "budgets_of", "set_budget", "standings_of"]

POLICIES, LEDGER = tables.policies, tables.ledger
_MOST = 1000
"""How many are told at once."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What somebody may spend, as it was set.

    Args:
        account: Whose, and in which period.
        policy: How much; `None` as the policy is what holds where nothing is set.
        set_by: Who set it.
        set_at: When.
    """

    account: Account
    policy: Policy | None
    set_by: str = ""
    set_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How much of an account is used.

    Args:
        account: The account.
        policy: How much may be spent.
        spent_tokens: Tokens that were.
        reserved_tokens: Tokens that calls under way may take.
        spent_nanos: Billionths of a US dollar that were spent.
        reserved_nanos: Those that calls under way may cost.
        resets_at: When all may be spent anew.
    """

    account: Account
    policy: Policy
    spent_tokens: int
    reserved_tokens: int
    spent_nanos: int
    reserved_nanos: int
    resets_at: datetime

    @property
    def exhausted(self) -> bool:
        """Whether nothing is left, though all that is reserved came back."""
        tokens, nanos = self.policy.tokens, self.policy.nanos
        return (tokens is not None and self.spent_tokens >= tokens) or (
            nanos is not None and self.spent_nanos >= nanos
        )


def standings_of(
    connection: Connection,
    payer: Payer,
    now: datetime,
    settings: SpendSettings,
    *,
    limited: bool = False,
) -> list[Standing]:
    """Return how much is used in each account that somebody's work counts in.

    Args:
        connection: The database.
        payer: For whom it is done.
        now: The time.
        settings: What holds where nothing was set.
        limited: Whether only those count that have a limit.
    """
    payer = paying(connection, payer)
    policies = policies_of(connection, payer.accounts, settings)
    if limited:
        policies = {a: policy for a, policy in policies.items() if policy.limited}
    if not policies:
        return []
    same = [
        and_(
            LEDGER.c.scope == account.scope,
            LEDGER.c.scope_id == account.id,
            LEDGER.c.period == account.period,
            LEDGER.c.starts_at == account.starts(now),
        )
        for account in policies
    ]
    query = select(LEDGER).where(LEDGER.c.tenant_id == payer.tenant, or_(*same))
    rows: dict[Any, Any] = {
        (row.scope, row.scope_id, row.period): row for row in connection.execute(query)
    }
    return [
        _standing(
            account, policy, rows.get((account.scope, account.id, account.period)), now
        )
        for account, policy in policies.items()
    ]


def _standing(account: Account, policy: Policy, row: Any, now: datetime) -> Standing:
    return Standing(
        account,
        policy,
        row.spent_tokens if row else 0,
        row.reserved_tokens if row else 0,
        row.spent_nanos if row else 0,
        row.reserved_nanos if row else 0,
        account.ends(now),
    )


def budgets_of(
    connection: Connection, who: Principal, tenant: str
) -> tuple[list[Budget], bool]:
    """Return what was set in a tenant, and whether there is more than is told.

    Raises:
        InsufficientScopeError: If it is another tenant, and they may not.
    """
    who.require("admin:limits" if tenant == who.tid else "admin:tenants")
    c = POLICIES.c
    query = (
        select(POLICIES)
        .where(c.tenant_id == tenant)
        .order_by(c.scope, c.scope_id, c.period)
        .limit(_MOST + 1)
    )
    rows = connection.execute(query).all()
    latest = _latest_of(connection, tenant)
    found = [
        Budget(
            Account(
                row.tenant_id,
                row.scope,
                latest.get(row.scope_id, row.scope_id),
                row.period,
            ),
            Policy(row.tokens, row.cost_nanos),
            row.set_by,
            row.set_at,
        )
        for row in rows[:_MOST]
    ]
    return found, len(rows) > _MOST


def _latest_of(connection: Connection, tenant: str) -> dict[str, str]:
    """Return by which key people know a budget now, of those that were rotated."""
    keys = identity.api_keys.c
    query = (
        select(keys.first_id, func.max(keys.id))
        .where(keys.tenant_id == tenant, keys.first_id.is_not(None))
        .group_by(keys.first_id)
    )
    return {str(first): str(last) for first, last in connection.execute(query)}


def set_budget(
    connection: Connection, who: Principal, budget: Budget, now: datetime
) -> None:
    """Set what somebody may spend, from the next call on.

    What the tenant may spend is up to who administers all tenants; what its users and
    keys may, to itself.

    Raises:
        InsufficientScopeError: If they may not.
        ForbiddenError: If it is somebody's who may do more than they.
        NotFoundError: If there is no such tenant, user or key in it.
    """
    account = budget.account
    own = account.tenant == who.tid and account.scope != "tenant"
    who.require("admin:limits" if own else "admin:tenants")
    _check_there(connection, account)
    if account.scope == "user":
        check_over(connection, who, account.id)
    elif account.scope == "key":
        check_over(connection, who, _owner_of(connection, account.id))
    policy = budget.policy
    _put(connection, who, budget, now)
    record(
        connection,
        now,
        who.tid,
        who.actor,
        "limits.set",
        account.id,
        scope=account.scope,
        period=account.period,
        tokens=policy.tokens if policy else None,
        cost_usd_micros=_micros(policy),
    )


def _put(connection: Connection, who: Principal, budget: Budget, now: datetime) -> None:
    """Write a budget down, or forget it; others may set the same at this moment."""
    account, policy = budget.account, budget.policy
    whose = first_of(connection, account.id) if account.scope == "key" else account.id
    key = {
        "tenant_id": account.tenant,
        "scope": account.scope,
        "scope_id": whose,
        "period": account.period,
    }
    if policy is None:
        same = [POLICIES.c[name] == value for name, value in key.items()]
        connection.execute(delete(POLICIES).where(*same))
        return
    said = {
        "tokens": policy.tokens,
        "cost_nanos": policy.nanos,
        "set_by": who.actor,
        "set_at": now,
    }
    made = tables.inserts[connection.dialect.name](POLICIES).values(**key, **said)
    connection.execute(made.on_conflict_do_update(index_elements=list(key), set_=said))


def _micros(policy: Policy | None) -> int | None:
    return None if policy is None or policy.nanos is None else policy.nanos // 1000


def _owner_of(connection: Connection, key_id: str) -> str:
    keys = identity.api_keys.c
    query = select(keys.user_id).where(keys.id == key_id)
    return str(connection.execute(query).scalar_one())


def _check_there(connection: Connection, account: Account) -> None:
    table = {
        "tenant": identity.tenants,
        "user": identity.users,
        "key": identity.api_keys,
    }[account.scope]
    query = select(table.c.id).where(table.c.id == account.id)
    if account.scope != "tenant":
        query = query.where(table.c.tenant_id == account.tenant)
    there = connection.execute(query).one_or_none()
    if there is None or (account.scope == "tenant" and account.id != account.tenant):
        raise NotFoundError(f"there is no such {account.scope}", "check its id")
