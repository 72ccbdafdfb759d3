"""Usage, limits and budgets over HTTP: each tenant its own, and who may set what.

One file, since what is set at one route shows at the others.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from gateway.doors import Doors
from gateway.people import GOOD, Person, logged_in, person
from gateway.watches import Watch
from gateway.working import EVE, Bench, bench, make_tenants
from sqlalchemy import insert

import zg_core as zg
from zg_plugins_builtin.gateway.database import Database
from zg_plugins_builtin.gateway.identity import Identity
from zg_plugins_builtin.gateway.limits import Payer, tables

pytestmark = pytest.mark.anyio
LIMITS, USAGE = "/api/v1/admin/limits", "/api/v1/usage"
SWITCH = "/api/v1/admin/kill-switch"
ANSWER = zg.Response(
    message=zg.Message.assistant("Hello."),
    usage=zg.Usage(calls=1, input_tokens=30, output_tokens=20),
)
ADA = {"authorization": "Bearer ada"}


async def spend(
    doors: Doors, who: Person | str, cost: int | None, model: str = "m:a"
) -> None:
    """Have the job of somebody, or of a key, call a model."""
    if isinstance(who, Person):
        payer = Payer.of(who.principal)
    else:
        payer = Payer.of(await doors.identity.authenticate(who))
    steward = doors.jobs.spending.steward(payer, "job_1")
    did = zg.Expense(
        step="s",
        agent="p:writer",
        model=model,
        input_tokens=3,
        output_tokens=2,
        cost_nanos=cost,
    )
    await steward.settle(await steward.reserve(did), did)


def budget(who: str, scope: str = "user", **more: Any) -> dict[str, Any]:
    return {"scope": scope, "id": who, "period": "day", "max_tokens": 100, **more}


# -- Usage -------------------------------------------------------------------------


async def test_usage_is_told_by_day_user_agent_and_model(
    doors: Doors, ada: Person, owner: Person, watch: Watch, identity: Identity
) -> None:
    await spend(doors, ada, 5_000)
    await spend(doors, owner, 1_500, model="m:b")
    watch.turn(days=1)
    await spend(doors, ada, 1_000)

    late = await logged_in(identity, ada.user, ada.principal.tid, GOOD)
    told = {
        by: (await doors.ask(late, "GET", f"{USAGE}?group_by={by}")).json()
        for by in ("day", "user", "agent", "model")
    }

    assert [row["key"] for row in told["day"]["data"]] == ["2026-11-29", "2026-11-30"]
    assert [row["cost_usd_micros"] for row in told["day"]["data"]] == [7, 1]
    assert [row["key"] for row in told["user"]["data"]] == [ada.user.id, owner.user.id]
    assert [row["key"] for row in told["model"]["data"]] == ["m:a", "m:b"]
    assert [row["calls"] for row in told["agent"]["data"]] == [3]
    assert told["agent"]["data"][0]["input_tokens"] == 9


async def test_a_cost_that_is_not_known_is_not_nothing(
    doors: Doors, ada: Person
) -> None:
    await spend(doors, ada, None)
    await spend(doors, ada, 2_000)

    (day,) = (await doors.ask(ada, "GET", USAGE)).json()["data"]

    assert (day["cost_usd_micros"], day["unpriced_calls"], day["calls"]) == (None, 1, 2)


async def test_nobody_sees_what_another_tenant_spent(
    doors: Doors, ada: Person, stranger: Person
) -> None:
    await spend(doors, ada, 5_000)

    usage = await doors.ask(stranger, "GET", USAGE)
    limits = await doors.ask(stranger, "GET", "/api/v1/limits")

    assert usage.json()["data"] == []
    assert {row["tokens"]["spent"] for row in limits.json()["budgets"]} == {0}


@pytest.mark.parametrize(
    "query",
    [
        "from=2026-11-02&to=2026-11-01",
        "from=2024-11-02&to=2026-11-01",
        "from=yesterday",
        "group_by=tenant",
        "by=day",
    ],
)
async def test_days_that_cannot_be_are_refused(
    doors: Doors, ada: Person, query: str
) -> None:
    answer = await doors.ask(ada, "GET", f"{USAGE}?{query}")

    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")


@pytest.mark.parametrize(("rows", "more"), [(1000, False), (1001, True)])
async def test_usage_says_when_others_spent_too(
    doors: Doors, ada: Person, database: Database, rows: int, more: bool
) -> None:
    today = doors.watch.now().replace(hour=0, minute=0, second=0, microsecond=0)
    spent = {
        "tenant_id": ada.principal.tid,
        "day": today,
        "user_id": ada.user.id,
        "agent": "p:writer",
        **dict.fromkeys(("calls", "unpriced_calls"), 1),
        **dict.fromkeys(("input_tokens", "output_tokens", "cost_nanos"), 1),
    }
    models = [{**spent, "model": f"m:{n:04}"} for n in range(rows)]
    await database.write(lambda c: c.execute(insert(tables.usage), models))

    told = (await doors.ask(ada, "GET", f"{USAGE}?group_by=model")).json()
    by_day = (await doors.ask(ada, "GET", USAGE)).json()

    assert (len(told["data"]), told["has_more"]) == (1000, more)
    assert ([row["calls"] for row in by_day["data"]], by_day["has_more"]) == (
        [rows],
        False,
    )


@pytest.mark.parametrize(("rows", "more"), [(1000, False), (1001, True)])
async def test_the_list_of_budgets_says_when_there_are_more(
    doors: Doors, owner: Person, database: Database, rows: int, more: bool
) -> None:
    policy = {
        "tenant_id": owner.principal.tid,
        "scope": "user",
        "period": "day",
        "tokens": 1,
        "set_by": "x",
        "set_at": doors.watch.now(),
    }
    policies = [{**policy, "scope_id": f"usr_{n:032x}"} for n in range(rows)]
    await database.write(lambda c: c.execute(insert(tables.policies), policies))

    told = (await doors.ask(owner, "GET", LIMITS)).json()

    assert (len(told["data"]), told["has_more"]) == (1000, more)


# -- Limits ------------------------------------------------------------------------


async def test_limits_say_what_is_left_and_until_when(
    doors: Doors, owner: Person, ada: Person
) -> None:
    await doors.ask(owner, "PUT", LIMITS, budget(ada.user.id))
    await spend(doors, ada, 5_000)
    payer = Payer.of(ada.principal)
    held = zg.Expense(step="s", agent="p:a", model="m:a", input_tokens=10, cost_nanos=0)
    await doors.jobs.spending.steward(payer, "job_2").reserve(held)

    told = (await doors.ask(ada, "GET", "/api/v1/limits")).json()

    (day,) = [
        b for b in told["budgets"] if (b["scope"], b["period"]) == ("user", "day")
    ]
    assert day["tokens"] == {"limit": 100, "spent": 5, "reserved": 10, "remaining": 85}
    assert day["cost_usd_micros"]["spent"] == 5
    assert day["resets_at"] == "2026-11-30T00:00:00.000Z"
    assert {rate["name"] for rate in told["rates"]} == {"read", "write", "stream"}
    assert told["running_jobs"] == {"limit": 10, "used": 0}


async def test_a_tenant_limits_its_users_and_not_itself(
    doors: Doors, owner: Person, stranger: Person, identity: Identity
) -> None:
    own = stranger.principal.tid
    mine = await doors.ask(stranger, "PUT", LIMITS, budget(stranger.user.id))
    itself = await doors.ask(stranger, "PUT", LIMITS, budget(own, "tenant"))
    host = await doors.ask(owner, "PUT", LIMITS, budget(own, "tenant"))
    foreign = await doors.ask(stranger, "PUT", LIMITS, budget(owner.user.id))
    other = await doors.ask(
        stranger,
        "PUT",
        LIMITS,
        budget(owner.user.id, tenant_id=owner.principal.tid),
    )
    listed = await doors.ask(stranger, "GET", LIMITS)
    peeked = await doors.ask(
        stranger, "GET", f"{LIMITS}?tenant_id={owner.principal.tid}"
    )

    assert (mine.status_code, host.status_code) == (200, 200)
    assert (itself.status_code, other.status_code) == (403, 403)
    assert foreign.status_code == 404
    assert peeked.status_code == 403
    assert {row["scope"] for row in listed.json()["data"]} == {"user", "tenant"}


async def test_nobody_sets_the_budget_of_who_may_do_more(
    doors: Doors, owner: Person, ada: Person, identity: Identity
) -> None:
    keys = identity.api_keys(owner.principal.tid)
    admin = await person(identity, owner.principal, "admin", "helper")
    root = (await keys.create(owner.principal, "root", ["jobs:read"])).key.id
    narrow = await keys.create(admin.principal, "limits", ["admin:limits"])

    for by in (admin, narrow.secret):
        for wanted in (budget(owner.user.id), budget(root, "key")):
            answer = await doors.ask(by, "PUT", LIMITS, wanted)
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
        for whose in (ada, admin):
            answer = await doors.ask(by, "PUT", LIMITS, budget(whose.user.id))
            assert answer.status_code == 200, answer.text
    listed = (await doors.ask(owner, "GET", LIMITS)).json()["data"]

    assert {row["id"] for row in listed} == {ada.user.id, admin.user.id}


async def test_a_key_does_not_escape_its_budget_by_rotation(
    doors: Doors, owner: Person, ada: Person, identity: Identity
) -> None:
    keys = identity.api_keys(ada.principal.tid)
    scopes = ["keys:write", "jobs:write"]
    first = await keys.create(ada.principal, "ci", scopes)
    await doors.ask(owner, "PUT", LIMITS, budget(first.key.id, "key", max_tokens=12))
    await spend(doors, first.secret, 1)
    by = await identity.authenticate(first.secret)

    second = await keys.rotate(by, first.key.id, overlap_seconds=60)
    by = await identity.authenticate(second.secret)
    third = await keys.rotate(by, second.key.id, overlap_seconds=60)
    await spend(doors, third.secret, 1)  # 10 of 12, and each takes 5
    for key in (first, second, third):
        with pytest.raises(zg.LimitError):
            await spend(doors, key.secret, 1)
    (listed,) = (await doors.ask(owner, "GET", LIMITS)).json()["data"]
    raised = budget(third.key.id, "key", max_tokens=15)
    await doors.ask(owner, "PUT", LIMITS, raised)
    await spend(doors, third.secret, 1)

    assert (listed["scope"], listed["id"]) == ("key", third.key.id)
    assert len((await doors.ask(owner, "GET", LIMITS)).json()["data"]) == 1
    by = await identity.authenticate(second.secret)
    told = await doors.jobs.spending.standings(by)
    (left,) = (one for one in told if one.policy.limited)
    assert (left.account.scope, left.spent_tokens, left.exhausted) == ("key", 15, True)


async def test_a_budget_can_be_changed_and_taken_back(
    doors: Doors, owner: Person
) -> None:
    whose = owner.user.id
    await doors.ask(owner, "PUT", LIMITS, budget(whose))
    await doors.ask(owner, "PUT", LIMITS, budget(whose, max_cost_usd_micros=7))
    changed = (await doors.ask(owner, "GET", LIMITS)).json()["data"]
    back = {"scope": "user", "id": whose, "period": "day", "use_default": True}
    await doors.ask(owner, "PUT", LIMITS, back)

    assert [row["max_cost_usd_micros"] for row in changed] == [7]
    assert (await doors.ask(owner, "GET", LIMITS)).json()["data"] == []


async def test_a_member_sets_no_budget(doors: Doors, ada: Person) -> None:
    answer = await doors.ask(ada, "PUT", LIMITS, budget(ada.user.id))

    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")


async def test_setting_takes_a_login_of_the_last_minutes(
    doors: Doors, owner: Person, watch: Watch
) -> None:
    watch.turn(minutes=6)

    answers = [
        await doors.ask(owner, "PUT", LIMITS, budget(owner.user.id)),
        await doors.ask(owner, "POST", SWITCH, {"scope": "global", "reason": "x"}),
        await doors.ask(owner, "DELETE", f"{SWITCH}/kil_{'0' * 32}"),
    ]

    assert [answer.status_code for answer in answers] == [401, 401, 401]


# -- What a job is told ------------------------------------------------------------


@pytest.fixture
async def service(database: Database, tmp_path: Path) -> Any:
    await make_tenants(database)
    async with bench(database, tmp_path, answers=(ANSWER,)) as made:
        yield made


async def test_a_jobs_usage_is_the_tenants_usage(service: Bench) -> None:
    done = await service.done()
    usage = (await service.ask("GET", "/usage", headers=ADA)).json()
    others = (await service.ask("GET", "/usage", headers=EVE)).json()
    own = (await service.ask("GET", f"/job/{done['job_id']}/usage", headers=ADA)).json()

    assert (usage["data"][0]["input_tokens"], others["data"]) == (30, [])
    assert usage["data"][0]["cost_usd_micros"] == done["usage"]["cost_usd_micros"] == 0
    assert own["prices"].startswith("genai-prices ")
    assert [row["input_tokens"] for row in own["data"]] == [30]


# -- The kill switch -----------------------------------------------------------------


async def test_a_switch_of_a_tenant_is_its_own_matter(
    doors: Doors, owner: Person, stranger: Person
) -> None:
    said = {"scope": "agent", "id": "writer", "reason": "it went mad"}
    own = await doors.ask(stranger, "POST", SWITCH, said)
    all_ = await doors.ask(stranger, "POST", SWITCH, {"scope": "global", "reason": "x"})
    another = await doors.ask(
        stranger,
        "POST",
        SWITCH,
        {"scope": "tenant", "id": owner.principal.tid, "reason": "x"},
    )
    hosts = await doors.ask(owner, "POST", SWITCH, said)
    foreign = await doors.ask(
        stranger, "DELETE", f"{SWITCH}/{hosts.json()['switch_id']}"
    )
    listed = (await doors.ask(stranger, "GET", SWITCH)).json()["data"]
    of_all = (await doors.ask(owner, "GET", SWITCH)).json()["data"]

    assert own.json()["tenant_id"] == stranger.principal.tid
    assert hosts.json()["tenant_id"] is None
    assert (all_.status_code, another.status_code) == (403, 403)
    assert foreign.status_code == 404
    assert [row["switch_id"] for row in listed] == [own.json()["switch_id"]]
    assert len(of_all) == 2


async def test_a_tenant_that_was_stopped_by_the_host_cannot_go_on_by_itself(
    doors: Doors, owner: Person, stranger: Person
) -> None:
    tenant = stranger.principal.tid
    said = {"scope": "tenant", "id": tenant, "reason": "abuse"}
    hosts = (await doors.ask(owner, "POST", SWITCH, said)).json()["switch_id"]
    own = (await doors.ask(stranger, "POST", SWITCH, said)).json()["switch_id"]

    refused = await doors.ask(stranger, "DELETE", f"{SWITCH}/{hosts}")
    lifted = await doors.ask(stranger, "DELETE", f"{SWITCH}/{own}")
    left = (await doors.ask(stranger, "GET", SWITCH)).json()["data"]
    gone_on = await doors.ask(owner, "DELETE", f"{SWITCH}/{hosts}")

    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_scope")
    assert (lifted.status_code, gone_on.status_code) == (200, 200)
    assert [row["switch_id"] for row in left] == [hosts]


async def test_switches_are_in_the_audit(doors: Doors, owner: Person) -> None:
    made = await doors.ask(
        owner, "POST", SWITCH, {"scope": "plugin", "id": "shop", "reason": "broken"}
    )
    where = f"{SWITCH}/{made.json()['switch_id']}"
    lifted = await doors.ask(owner, "DELETE", where)
    again = await doors.ask(owner, "DELETE", where)
    audit = (await doors.ask(owner, "GET", "/api/v1/admin/audit")).json()["data"]

    assert lifted.json()["lifted_by"] == owner.user.id
    assert again.json() == lifted.json()
    done = [e["action"] for e in audit if e["target"] == made.json()["switch_id"]]
    assert sorted(done) == ["kill_switch.lifted", "kill_switch.set"]
    assert (await doors.ask(owner, "GET", SWITCH)).json()["data"] == []
    assert (
        len((await doors.ask(owner, "GET", f"{SWITCH}?lifted=true")).json()["data"])
        == 1
    )


@pytest.mark.parametrize(
    "said",
    [
        {"scope": "global", "id": "x", "reason": "y"},
        {"scope": "agent", "reason": "y"},
        {"scope": "agent", "id": "x"},
        {"scope": "agent", "id": "x", "reason": ""},
        {"scope": "everything", "reason": "y"},
    ],
)
async def test_a_switch_says_what_and_why(
    doors: Doors, owner: Person, said: dict[str, str]
) -> None:
    assert (await doors.ask(owner, "POST", SWITCH, said)).status_code == 422


@pytest.mark.parametrize(
    ("scope", "named", "known"),
    [
        ("agent", "engineer", True),
        ("agent", "builtin:engineer", True),
        ("agent", "enginer", False),
        ("agent", "write_file", False),
        ("tool", "write_file", True),
        ("tool", "nobody", False),
        ("plugin", "builtin", True),
        ("plugin", "bulitin", False),
        ("global", None, True),
    ],
)
async def test_a_switch_says_whether_anybody_has_the_name(
    doors: Doors, owner: Person, scope: str, named: str | None, known: bool
) -> None:
    said = {"scope": scope, "id": named, "reason": "x"}
    made = await doors.ask(owner, "POST", SWITCH, said)
    listed = await doors.ask(owner, "GET", SWITCH)
    lifted = await doors.ask(owner, "DELETE", f"{SWITCH}/{made.json()['switch_id']}")

    assert made.status_code == 201
    assert made.json()["known"] is known
    assert [row["known"] for row in listed.json()["data"]] == [known]
    assert lifted.json()["known"] is known


async def test_an_administrator_of_one_tenant_is_told_too_whether_a_name_is_known(
    doors: Doors, stranger: Person
) -> None:
    told = [
        await doors.ask(
            stranger, "POST", SWITCH, {"scope": "agent", "id": name, "reason": "x"}
        )
        for name in ("engineer", "nobody")
    ]

    assert [answer.json()["known"] for answer in told] == [True, False]


@pytest.mark.parametrize("tenant", [f"ten_{'0' * 32}", "nobody"])
async def test_a_tenant_that_there_is_not_is_not_stopped(
    doors: Doors, owner: Person, tenant: str
) -> None:
    said = {"scope": "tenant", "id": tenant, "reason": "x"}
    answer = await doors.ask(owner, "POST", SWITCH, said)

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await doors.ask(owner, "GET", SWITCH)).json()["data"] == []
