"""Reserve before, settle after: all accounts in one transaction, or none.

Between the two, what may be spent is taken as spent. So however many calls are made
at once, by however many processes, none finds room that another has taken.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

import zg_core as zg

from . import statements, tables
from .accounts import Account, Payer, paying
from .policies import Policy, SpendSettings, policies_of

__all__ = ["Hold", "ShortError", "lapsed", "reserve", "settle"]

RESERVED = tables.reserved
_MOST_OF_ONE = 10**15
"""The most that one call counts: more tokens, or money, than any can take. What a
provider says that it took may be any number, and the sum of many must have room."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Who holds something back, for what.

    Args:
        id: What it is known by.
        payer: Who pays.
        job: The job that it is for.
        owner: The process that does it.
        alive_until: Until when that is certain to be alive.
    """

    id: str
    payer: Payer
    job: str
    owner: str
    alive_until: datetime


@dataclass(eq=False)
class ShortError(Exception):
    """There is too little in an account.

    Args:
        account: Which.
        unit: ``tokens`` or ``usd``; ``price`` where that is not known.
        allowed: The most that may be spent.
        spent: What is spent for sure.
        wanted: What is wanted.
        later: Whether there may be enough when others have settled.
    """

    account: Account
    unit: str
    allowed: int = 0
    spent: int = 0
    wanted: int = 0
    later: bool = False


def reserve(
    connection: Connection,
    hold: Hold,
    most: zg.Expense,
    now: datetime,
    settings: SpendSettings,
) -> bool:
    """Hold back what a call may take; return whether anything is limited.

    Args:
        connection: The transaction; nothing is held back unless it is committed.
        hold: Who holds it back.
        most: The most it may take.
        now: The time.
        settings: What may be spent where nothing was set.

    Raises:
        ShortError: If there is too little in an account.
    """
    most = _bounded(most)
    payer = paying(connection, hold.payer)
    policies = policies_of(connection, payer.accounts, settings)
    _check_price(policies, most)
    for account, policy in policies.items():
        _take(connection, account, policy, most, now)
    connection.execute(
        statements.RESERVE,
        {
            "id": hold.id,
            "tenant_id": payer.tenant,
            "user_id": payer.user,
            "key_id": payer.key,
            "job_id": hold.job,
            "agent": most.agent,
            "model": most.model,
            "input_tokens": most.input_tokens,
            "output_tokens": most.output_tokens,
            "cost_nanos": most.cost_nanos,
            "at": now,
            "owner": hold.owner,
            "alive_until": hold.alive_until,
        },
    )
    return any(policy.limited for policy in policies.values())


def settle(connection: Connection, key: str, did: zg.Expense | None) -> bool:
    """Count what a call did take, and give the rest back.

    Args:
        connection: The transaction.
        key: What it is known by.
        did: What it took; `None` if it was not made.

    Returns:
        Whether it was held; it is not if its owner was taken for dead.
    """
    row = connection.execute(statements.HELD, {"key": key}).one_or_none()
    if row is None:
        return False
    _settle(connection, row, _bounded(did) if did else None)
    return True


def lapsed(connection: Connection, now: datetime) -> int:
    """Count the most of calls whose process died; return how many there were.

    What they did take nobody will know, and the provider may have billed it. The
    engine counts the same when it takes the run up again.

    Args:
        connection: The transaction.
        now: The time.
    """
    query = select(RESERVED).where(RESERVED.c.alive_until < now).order_by(RESERVED.c.id)
    rows = connection.execute(query.with_for_update(skip_locked=True)).all()
    for row in rows:
        _settle(connection, row, _most(row))
    return len(rows)


def _bounded(expense: zg.Expense) -> zg.Expense:
    """Return an expense whose numbers the database can add up."""
    nanos = expense.cost_nanos
    return replace(
        expense,
        input_tokens=min(expense.input_tokens, _MOST_OF_ONE),
        output_tokens=min(expense.output_tokens, _MOST_OF_ONE),
        cost_nanos=None if nanos is None else min(nanos, _MOST_OF_ONE),
    )


def _most(row: Row[Any]) -> zg.Expense:
    return zg.Expense(
        step="",
        agent=row.agent,
        model=row.model,
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        cost_nanos=row.cost_nanos,
    )


# -- Before ------------------------------------------------------------------------


def _check_price(policies: dict[Account, Policy], most: zg.Expense) -> None:
    """Refuse what has no price where money is limited: unknown is not free."""
    if most.cost_nanos is not None:
        return
    for account, policy in policies.items():
        if policy.nanos is not None:
            raise ShortError(account, "price", allowed=policy.nanos)


def _open(connection: Connection, account: Account, now: datetime) -> None:
    """Make the row of an account that nothing was spent from in its period."""
    none = dict.fromkeys(
        ("spent_tokens", "reserved_tokens", "spent_nanos", "reserved_nanos"), 0
    )
    connection.execute(
        statements.OPEN[connection.dialect.name], {**_key(account, now), **none}
    )


def _take(
    connection: Connection,
    account: Account,
    policy: Policy,
    most: zg.Expense,
    now: datetime,
) -> None:
    wanted = {
        **_same(account, now),
        "tokens": most.tokens,
        "nanos": most.cost_nanos or 0,
        "most_tokens": policy.tokens,
        "most_nanos": policy.nanos,
    }
    if connection.execute(statements.TAKE, wanted).rowcount:
        return
    _open(connection, account, now)
    if not connection.execute(statements.TAKE, wanted).rowcount:
        raise _short(connection, account, policy, most, now)


def _short(
    connection: Connection,
    account: Account,
    policy: Policy,
    most: zg.Expense,
    now: datetime,
) -> ShortError:
    row = connection.execute(statements.ACCOUNT, _same(account, now)).one()
    nanos = most.cost_nanos or 0
    of_tokens = policy.tokens is not None and (
        row.spent_tokens + row.reserved_tokens + most.tokens > policy.tokens
    )
    of_money = policy.nanos is not None and (
        row.spent_nanos + row.reserved_nanos + nanos > policy.nanos
    )
    tokens = ShortError(
        account, "tokens", policy.tokens or 0, row.spent_tokens, most.tokens
    )
    money = ShortError(account, "usd", policy.nanos or 0, row.spent_nanos, nanos)
    short = [one for one, so in ((tokens, of_tokens), (money, of_money)) if so]
    final = [one for one in short if one.spent + one.wanted > one.allowed]
    # Neither: what others had reserved came back between the two statements.
    found = (final or short or [tokens])[0]
    found.later = not final
    return found


# -- After -------------------------------------------------------------------------


def _settle(connection: Connection, row: Row[Any], did: zg.Expense | None) -> None:
    connection.execute(statements.LET_GO, {"key": row.id})
    payer = Payer(row.tenant_id, row.user_id, row.key_id)
    counts = {
        "back_tokens": row.input_tokens + row.output_tokens,
        "back_nanos": row.cost_nanos or 0,
        "tokens": did.tokens if did else 0,
        "nanos": (did.cost_nanos or 0) if did else 0,
    }
    each = [{**_same(account, row.at), **counts} for account in payer.accounts]
    connection.execute(statements.SETTLE, each)
    if did is not None:
        _use(connection, row, did)


def _use(connection: Connection, row: Row[Any], did: zg.Expense) -> None:
    """Write down for what it was."""
    day = row.at.replace(hour=0, minute=0, second=0, microsecond=0)
    key = {
        "tenant_id": row.tenant_id,
        "day": day,
        "user_id": row.user_id,
        "agent": row.agent,
        "model": row.model,
    }
    counts = {
        "calls": 1,
        "unpriced_calls": int(did.cost_nanos is None),
        "input_tokens": did.input_tokens,
        "output_tokens": did.output_tokens,
        "cost_nanos": did.cost_nanos or 0,
    }
    connection.execute(statements.USE[connection.dialect.name], {**key, **counts})


def _key(account: Account, now: datetime) -> dict[str, Any]:
    return {
        "tenant_id": account.tenant,
        "scope": account.scope,
        "scope_id": account.id,
        "period": account.period,
        "starts_at": account.starts(now),
    }


def _same(account: Account, now: datetime) -> dict[str, Any]:
    return {f"of_{name}": value for name, value in _key(account, now).items()}
