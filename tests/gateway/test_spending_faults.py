"""Budgets where something goes wrong: nothing stays reserved that nobody holds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from gateway.test_spending import ADA, expense, limited, rows
from gateway.working import make_tenants
from sqlalchemy import Connection

import zg_core as zg
from zg_plugins_builtin.gateway.database import Database
from zg_plugins_builtin.gateway.errors import DatabaseError
from zg_plugins_builtin.gateway.identity import Principal
from zg_plugins_builtin.gateway.limits import Account, Budget, Policy, Spending, tables

pytestmark = pytest.mark.anyio
HOST = Principal.operator("tnt_1")
DAY = Account("tnt_1", "tenant", "tnt_1", "day")


class Unsure:
    """A database that takes one writing and does not say so: it fails, or is silent."""

    def __init__(self, database: Database, *, fails: bool) -> None:
        self._database = database
        self._fails = fails
        self.read = database.read
        self.written = asyncio.Event()

    async def write(self, function: Callable[[Connection], Any]) -> Any:
        result = await self._database.write(function)
        if not self.written.is_set():
            self.written.set()
            if self._fails:
                raise DatabaseError("the connection was lost", "try again")
            await asyncio.Event().wait()
        return result


@pytest.mark.parametrize("lost", ["told", "untold"])
async def test_what_may_be_held_without_anybody_knowing_is_given_back(
    database: Database, lost: str
) -> None:
    await make_tenants(database)
    unsure: Any = Unsure(database, fails=lost == "told")
    spending = Spending(unsure, settings=limited(user_day=Policy(tokens=100)))
    steward = spending.steward(ADA, "job_1")

    if lost == "told":
        held = await steward.reserve(expense(50))
    else:
        asking = asyncio.ensure_future(steward.reserve(expense(50)))
        await unsure.written.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        held = await steward.reserve(expense(50))
    await spending.tend()
    (kept,) = await rows(database, tables.reserved)
    await steward.settle(held, None)

    assert kept.id == held.key
    assert {row.reserved_tokens for row in await rows(database)} == {0}
    assert {row.spent_tokens for row in await rows(database)} == {0}


@pytest.mark.parametrize("counted", [2**63, 10**40], ids=["2^63", "10^40"])
async def test_a_provider_that_counts_what_cannot_be_keeps_nothing_reserved(
    database: Database, counted: int
) -> None:
    await make_tenants(database)
    spending = Spending(database, settings=limited(user_day=Policy(tokens=100)))
    steward = spending.steward(ADA, "job_1")

    first, second = [await steward.reserve(expense(50)) for _ in range(2)]
    for held in (first, second):
        await steward.settle(held, expense(counted, counted))
    with pytest.raises(zg.LimitError):
        await steward.reserve(expense(counted, counted))

    assert await rows(database, tables.reserved) == []
    assert {row.reserved_tokens for row in await rows(database)} == {0}


async def test_many_set_one_budget_at_once_and_one_of_them_is_the_last(
    database: Database,
) -> None:
    await make_tenants(database)
    spending = Spending(database)

    async with anyio.create_task_group() as group:
        for tokens in range(8):
            group.start_soon(
                spending.set_budget, HOST, Budget(DAY, Policy(tokens=tokens))
            )

    (budget,), _ = await spending.budgets(HOST, "tnt_1")
    assert budget.policy is not None
    assert budget.policy.tokens in range(8)
