"""Budgets: reserved before each call, settled after it, by however many at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from gateway.watches import Watch
from gateway.working import Bench, bench, make_tenants
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

import zg_core as zg
from zg_plugins_builtin.gateway.database import Database
from zg_plugins_builtin.gateway.errors import BudgetExceededError
from zg_plugins_builtin.gateway.identity import Principal
from zg_plugins_builtin.gateway.jobs import Asked
from zg_plugins_builtin.gateway.limits import (
    Account,
    Budget,
    Payer,
    Policy,
    Spending,
    SpendSettings,
    tables,
)

pytestmark = pytest.mark.anyio
ADA = Payer("tnt_1", "ada")
KEYED = Payer("tnt_1", "ada", "key_1")
USD = 10**9


def expense(tokens: int = 10, nanos: int | None = 0) -> zg.Expense:
    return zg.Expense(
        step="work",
        agent="p:writer",
        model="m:one",
        input_tokens=tokens,
        cost_nanos=nanos,
    )


def limited(**policies: Policy) -> SpendSettings:
    """Return what is limited: ``tenant_day``, ``user_month`` and so on."""
    named = {tuple(name.split("_")): policy for name, policy in policies.items()}
    return SpendSettings(defaults=named)  # type: ignore[arg-type]


async def rows(database: Database, table: Any = tables.ledger) -> list[Any]:
    def read(connection: Connection) -> list[Any]:
        return list(connection.execute(select(table)))

    return await database.read(read)


# -- The law ----------------------------------------------------------------------


@dataclass(frozen=True)
class Call:
    key: bool
    most: int
    did: int | None
    answers: int


CALLS = st.lists(
    st.builds(
        Call,
        key=st.booleans(),
        most=st.integers(1, 60),
        did=st.none() | st.integers(0, 60),
        answers=st.integers(0, 3),
    ),
    max_size=12,
)


@settings(max_examples=10)
@given(calls=CALLS, day=st.integers(0, 150), user=st.integers(0, 150))
async def test_no_account_ever_passes_its_limit_and_nothing_stays_reserved(
    tmp_path_factory: pytest.TempPathFactory,
    migrated_file: Path,
    calls: list[Call],
    day: int,
    user: int,
) -> None:
    path = tmp_path_factory.mktemp("law") / "gateway.db"
    path.write_bytes(migrated_file.read_bytes())
    database = Database.at(path)
    await make_tenants(database)
    policies = limited(tenant_day=Policy(tokens=day), user_month=Policy(nanos=user))
    spending = Spending(database, clock=Watch(), settings=policies)
    most = {("tenant", "day"): ("tokens", day), ("user", "month"): ("nanos", user)}
    given_up = 0

    async def one(call: Call) -> None:
        nonlocal given_up
        steward = spending.steward(KEYED if call.key else ADA, "job_1")
        try:
            held = await steward.reserve(expense(call.most, call.most))
        except zg.LimitError:
            given_up += 1
            return
        for _ in range(call.answers):
            await anyio.lowlevel.checkpoint()
        for row in await rows(database):
            unit, limit = most.get((row.scope, row.period), ("tokens", 10**9))
            used = getattr(row, f"spent_{unit}") + getattr(row, f"reserved_{unit}")
            assert used <= limit
        did = call.did
        took = None if did is None else min(did, call.most)
        await steward.settle(held, None if took is None else expense(took, took))

    async with anyio.create_task_group() as group:
        for call in calls:
            group.start_soon(one, call)

    ledger = await rows(database)
    assert all(row.reserved_tokens == row.reserved_nanos == 0 for row in ledger)
    assert await rows(database, tables.reserved) == []
    spent = sum(row.calls for row in await rows(database, tables.usage))
    unmade = sum(call.did is None for call in calls)
    assert len(calls) - unmade <= spent + given_up <= len(calls)
    await database.close()


@pytest.mark.heavy
async def test_many_at_once_never_spend_too_much_and_use_nearly_all(
    database: Database, database_url: str
) -> None:
    """Two processes, as far as the database can tell, and 200 calls at once."""
    await make_tenants(database)
    another = Database.at(database_url)
    budget = Policy(nanos=1 * USD)
    policies = limited(tenant_month=budget)
    both = [Spending(d, settings=policies) for d in (database, another)]
    took, refused, passed = 0, 0, 0

    async def one(number: int) -> None:
        nonlocal took, refused
        steward = both[number % 2].steward(ADA, f"job_{number}")
        for _ in range(10):
            try:
                held = await steward.reserve(expense(1000, 20_000_000))
            except zg.LimitError:
                refused += 1
                return
            await anyio.sleep(0.002)
            await steward.settle(held, expense(200, 5_000_000))
            took += 5_000_000

    async def look() -> None:
        nonlocal passed
        while True:
            for row in await rows(another):
                used = row.spent_nanos + row.reserved_nanos
                passed += row.scope == "tenant" and used > USD
            await anyio.sleep(0.01)

    async with anyio.create_task_group() as watching:
        watching.start_soon(look)
        async with anyio.create_task_group() as group:
            for number in range(200):
                group.start_soon(one, number)
        watching.cancel_scope.cancel()

    assert passed == 0
    assert refused > 0
    assert 0.9 * USD <= took <= USD
    assert await rows(database, tables.reserved) == []
    await another.close()


# -- One call -----------------------------------------------------------------------


async def test_a_call_waits_for_what_others_hold_and_may_give_back(
    database: Database,
) -> None:
    await make_tenants(database)
    spending = Spending(database, settings=limited(user_day=Policy(tokens=100)))
    steward = spending.steward(ADA, "job_1")
    first = await steward.reserve(expense(80))
    second: list[zg.Reserved] = []

    async def wants() -> None:
        second.append(await steward.reserve(expense(60)))

    async with anyio.create_task_group() as group:
        group.start_soon(wants)
        await anyio.wait_all_tasks_blocked()
        before = list(second)
        await steward.settle(first, expense(40))

    assert (before, len(second)) == ([], 1)


async def test_a_call_that_can_never_be_had_is_refused_with_the_reason(
    database: Database,
) -> None:
    await make_tenants(database)
    refused: list[str] = []
    spending = Spending(
        database,
        settings=limited(user_day=Policy(tokens=100)),
        on_refused=refused.append,
    )

    with pytest.raises(zg.LimitError, match="the user's day") as caught:
        await spending.steward(ADA, "job_1").reserve(expense(101))

    assert caught.value.details["limit"] == "tokens"
    assert refused == ["user"]
    assert [row.reserved_tokens for row in await rows(database)] == []


async def test_a_price_that_is_not_known_is_not_free(database: Database) -> None:
    await make_tenants(database)
    by_money = Spending(database, settings=limited(tenant_day=Policy(nanos=10 * USD)))
    by_tokens = Spending(database, settings=limited(tenant_day=Policy(tokens=100)))

    with pytest.raises(zg.LimitError, match="price"):
        await by_money.steward(ADA, "job_1").reserve(expense(1, None))
    steward = by_tokens.steward(ADA, "job_1")
    held = await steward.reserve(expense(1, None))
    await steward.settle(held, expense(1, None))

    (used,) = await rows(database, tables.usage)
    assert (used.calls, used.unpriced_calls, used.cost_nanos) == (1, 1, 0)


async def test_where_nothing_is_limited_an_answer_is_not_cut(
    database: Database,
) -> None:
    await make_tenants(database)
    free = Spending(database).steward(ADA, "job_1")
    bound = Spending(database, settings=limited(key_day=Policy(tokens=100)))

    assert not (await free.reserve(expense())).limited
    assert not (await bound.steward(ADA, "job_1").reserve(expense())).limited
    assert (await bound.steward(KEYED, "job_1").reserve(expense())).limited


async def test_what_a_dead_process_held_counts_as_spent(database: Database) -> None:
    await make_tenants(database)
    watch = Watch()
    dead, alive, other = (Spending(database, clock=watch) for _ in range(3))
    await dead.steward(ADA, "job_1").reserve(expense(10, 7))
    await alive.steward(ADA, "job_2").reserve(expense(5, 3))

    watch.turn(seconds=50)
    await alive.tend()
    watch.turn(seconds=50)
    settled = await other.tend()

    assert settled == 1
    (day,) = [r for r in await rows(database) if (r.scope, r.period) == ("user", "day")]
    assert (day.spent_tokens, day.reserved_tokens) == (10, 5)
    assert (day.spent_nanos, day.reserved_nanos) == (7, 3)


async def test_a_process_that_was_taken_for_dead_counts_nothing_twice(
    database: Database,
) -> None:
    await make_tenants(database)
    watch = Watch()
    frozen, other = (Spending(database, clock=watch) for _ in range(2))
    steward = frozen.steward(ADA, "job_1")
    held = await steward.reserve(expense(10))
    watch.turn(seconds=120)
    await other.tend()

    await steward.settle(held, expense(4))

    assert {row.spent_tokens for row in await rows(database)} == {10}


async def test_a_call_counts_in_the_day_in_which_it_was_made(
    database: Database,
) -> None:
    await make_tenants(database)
    watch = Watch()
    spending = Spending(database, clock=watch)
    steward = spending.steward(ADA, "job_1")
    begun = watch.now()
    held = await steward.reserve(expense(10))
    watch.turn(seconds=24 * 3600)

    await steward.settle(held, expense(10))

    days = {r.starts_at for r in await rows(database) if r.period == "day"}
    assert days == {begun.replace(hour=0, minute=0, second=0, microsecond=0)}


@pytest.mark.parametrize(
    ("period", "ends"),
    [
        ("day", datetime(2027, 1, 1, tzinfo=UTC)),
        ("month", datetime(2027, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_period_ends_when_the_next_begins(period: Any, ends: datetime) -> None:
    account = Account("tnt_1", "user", "ada", period)
    late = datetime(2026, 12, 31, 23, 59, tzinfo=UTC)

    assert account.ends(late) == ends
    assert account.starts(ends) == ends
    assert account.starts(ends - timedelta(milliseconds=1)) < ends


# -- Jobs ---------------------------------------------------------------------------


ANSWER = zg.Response(
    message=zg.Message.assistant("Hm."),
    usage=zg.Usage(calls=1, input_tokens=500, output_tokens=500),
)


async def _talks(ctx: zg.Context) -> zg.Reply:
    said = ""
    for turn in range(20):
        answer = await ctx.complete([zg.Message.user(f"turn {turn}")])
        said = answer.text
    return zg.Reply(output=said)


@asynccontextmanager
async def talking(
    database: Database, folder: Path, **policies: Policy
) -> AsyncIterator[tuple[Bench, Spending]]:
    await make_tenants(database)
    spending = Spending(database, settings=limited(**policies))
    async with bench(
        database, folder, spending=spending, answers=(ANSWER,), talker=_talks
    ) as made:
        yield made, spending


async def test_a_job_ends_when_the_budget_is_spent_and_the_next_is_refused(
    database: Database, tmp_path: Path
) -> None:
    async with talking(database, tmp_path, user_day=Policy(tokens=12_000)) as (made, _):
        posted = await made.post(agent="talker")
        ended = await made.until(posted.json()["job_id"], "budget_exhausted", "failed")
        ledger = await rows(database)

    assert (ended["status"], ended["state"]) == ("failed", "budget_exhausted")
    assert "the user's day" in ended["error"]["detail"]
    assert all(row.reserved_tokens == 0 for row in ledger)
    assert {row.spent_tokens for row in ledger} == {
        ended["usage"]["input_tokens"] + ended["usage"]["output_tokens"]
    }


async def test_who_has_spent_everything_is_told_when_to_come_back(
    database: Database, tmp_path: Path
) -> None:
    async with talking(database, tmp_path, user_day=Policy(tokens=0)) as (made, _):
        refused = await made.post()
        others = await made.post(who="Bearer mel")

    problem = refused.json()
    assert (refused.status_code, problem["code"]) == (429, "budget_exceeded")
    assert 0 < int(refused.headers["retry-after"]) <= 24 * 3600
    assert others.status_code == 429  # who has the same limit
    assert await rows(database, tables.reserved) == []


async def test_a_budget_that_is_set_holds_from_the_next_job_on(
    database: Database, tmp_path: Path
) -> None:
    async with talking(database, tmp_path) as (made, spending):
        before = await made.done()
        owner = Principal.operator("tnt_1")
        account = Account("tnt_1", "tenant", "tnt_1", "month")
        await spending.set_budget(owner, Budget(account, Policy(tokens=1)))
        with pytest.raises(BudgetExceededError):
            await made.jobs.submit(
                replace(owner, sub="ada"), Asked(objective="x", agent="writer")
            )

    assert before["state"] == "succeeded"
