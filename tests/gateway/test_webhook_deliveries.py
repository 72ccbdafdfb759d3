"""Deliveries: by the schedule, at least once, so many at a time, and to an end.

One file, since it is one life of a message.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise

import anyio
import pytest
from gateway.posting import Post, Posted, answer
from gateway.watches import Watch

from zg_plugins_builtin.gateway.database import Database
from zg_plugins_builtin.gateway.egress.sending import Answer
from zg_plugins_builtin.gateway.errors import (
    CallbackForbiddenError,
    ConflictError,
    DatabaseError,
    NoAnswerError,
)
from zg_plugins_builtin.gateway.webhooks.claims import LEASE
from zg_plugins_builtin.gateway.webhooks.outbox import forget_job
from zg_plugins_builtin.gateway.webhooks.outcomes import Outcome
from zg_plugins_builtin.gateway.webhooks.schedule import DELAYS
from zg_plugins_builtin.gateway.webhooks.sealing import Seal

pytestmark = pytest.mark.anyio
CALLBACK = "https://callback.example.com/"


@pytest.fixture
def post(database: Database, watch: Watch) -> Post:
    return Post(database, watch)


@pytest.fixture
async def tenant(post: Post) -> str:
    return await post.tenant()


async def until(post: Post, when: datetime) -> None:
    """Deliver what becomes due until a time, each when it is due."""
    while (due := await post.next_due()) is not None and due <= when:
        post.watch.turn(seconds=max((due - post.watch.now()).total_seconds(), 0))
        await post.courier.deliver_due()


def answering(*statuses: int) -> Callable[[Posted], Answer]:
    """Return what answers so in turn, and with the last again and again."""
    left = list(statuses)
    return lambda _posted: answer(left.pop(0) if len(left) > 1 else left[0])


def failing(error: Exception) -> Callable[[Posted], Answer]:
    def fail(_posted: Posted) -> Answer:
        raise error

    return fail


# -- One message --------------------------------------------------------------------


async def test_a_message_says_what_happened(post: Post, tenant: str) -> None:
    await post.endpoint(tenant)
    (delivery,) = await post.tell(tenant)

    assert await post.courier.deliver_due() == 1

    (posted,) = post.network.posted
    shown = await post.deliveries(tenant).get(delivery)
    assert (shown.state, shown.outcome, shown.attempts) == ("delivered", "2xx", 1)
    assert shown.finished_at == post.watch.now()
    assert shown.message_id == posted.message_id
    assert posted.message_id.startswith("msg_")
    assert posted.headers["content-type"] == "application/json"
    assert posted.headers["user-agent"] == "ZeroGravity-Webhooks/1"
    assert json.loads(posted.body) == {
        "type": "job.completed",
        "timestamp": "2026-11-29T12:00:00.000Z",
        "data": {"job_id": "job_1"},
    }
    assert [sent.outcome for sent in post.sent] == ["2xx"]


async def test_what_happened_and_that_it_is_told_are_one_transaction(
    post: Post, tenant: str
) -> None:
    await post.endpoint(tenant)
    write = post.database.write

    async def undone(work: Callable[..., object]) -> object:
        def both(connection: object) -> None:
            work(connection)
            raise LookupError("it did not happen")

        return await write(both)

    post.database.write = undone
    with pytest.raises(LookupError):
        await post.tell(tenant)
    del post.database.write

    assert await post.deliveries(tenant).page() == []


@pytest.mark.parametrize("drawn", [0.0, 0.5, 0.999])
async def test_a_message_that_never_arrives_is_tried_by_the_schedule(
    post: Post, tenant: str, drawn: float
) -> None:
    (delivery,) = await post.tell(tenant, callback_url=CALLBACK)
    post.network.answer = answering(500)
    post.drawn = drawn
    began = post.watch.now()

    await until(post, began + timedelta(days=30))

    times = [posted.at for posted in post.network.posted]
    waits = [after - before for before, after in pairwise(times)]
    part = 0.8 + 0.4 * drawn
    assert times[0] == began
    assert len(waits) == len(DELAYS) - 1
    for waited, delay in zip(waits, DELAYS[1:], strict=True):
        assert waited == pytest.approx(delay * part, abs=timedelta(milliseconds=2))
    shown = await post.deliveries(tenant).get(delivery)
    assert (shown.state, shown.outcome, shown.attempts) == ("dead", "5xx", 10)
    assert len({posted.message_id for posted in post.network.posted}) == 1
    assert len({posted.body for posted in post.network.posted}) == 1
    assert await post.deliveries(tenant).page(state="dead") == [shown]


@pytest.mark.parametrize("status", [300, 301, 307, 400, 404, 500, 503])
async def test_only_an_answer_of_two_hundred_ends_it(
    post: Post, tenant: str, status: int
) -> None:
    (delivery,) = await post.tell(tenant, callback_url=CALLBACK)
    post.network.answer = answering(status, 204)

    await until(post, post.watch.now() + timedelta(days=1))

    made = await post.deliveries(tenant).attempts(delivery)
    assert [(a.number, a.outcome) for a in made] == [
        (1, f"{status // 100}xx"),
        (2, "2xx"),
    ]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (NoAnswerError("x", reason="timeout"), "timeout"),
        (NoAnswerError("x", reason="tls"), "tls"),
        (CallbackForbiddenError("x"), "blocked"),
    ],
)
async def test_no_answer_is_an_attempt_as_well(
    post: Post, tenant: str, error: Exception, outcome: str
) -> None:
    (delivery,) = await post.tell(tenant, callback_url=CALLBACK)
    post.network.answer = failing(error)

    await post.courier.deliver_due()

    shown = await post.deliveries(tenant).get(delivery)
    assert (shown.state, shown.outcome, shown.attempts) == ("pending", outcome, 1)


@pytest.mark.parametrize(
    ("asked", "waits"), [("2", 5), ("600", 600), ("999999", 3600), ("x", 5)]
)
async def test_a_receiver_may_ask_for_an_hour(
    post: Post, tenant: str, asked: str, waits: int
) -> None:
    await post.tell(tenant, callback_url=CALLBACK)
    post.network.answer = lambda _posted: answer(429, retry_after=asked)

    await post.courier.deliver_due()

    due = await post.next_due()
    assert due == post.watch.now() + timedelta(seconds=waits)


# -- Endpoints that fail ------------------------------------------------------------


async def test_an_endpoint_that_is_gone_is_told_nothing_more(
    post: Post, tenant: str
) -> None:
    made = await post.endpoint(tenant)
    await post.tell(tenant, times=10)
    post.network.answer = answering(410)

    await post.courier.deliver_due()

    assert 1 <= len(post.network.posted) <= 4
    shown = await post.endpoints(tenant).get(made.id)
    assert (shown.enabled, shown.disabled_for) == (False, "gone")
    assert [disabled.endpoint_id for disabled in post.disabled] == [made.id]
    ended = {(d.state, d.outcome) for d in await post.deliveries(tenant).page()}
    assert ended == {("dead", "4xx"), ("cancelled", None)}


async def test_a_callback_that_is_gone_is_not_tried_again(
    post: Post, tenant: str
) -> None:
    (delivery,) = await post.tell(tenant, callback_url=CALLBACK)
    post.network.answer = answering(410)

    await post.courier.deliver_due()

    assert (await post.deliveries(tenant).get(delivery)).state == "dead"
    assert post.disabled == []


async def test_an_endpoint_that_fails_for_five_days_is_disabled(
    post: Post, tenant: str
) -> None:
    made = await post.endpoint(tenant)
    post.network.answer = answering(500)
    began = post.watch.now()
    await post.tell(tenant)
    await post.courier.deliver_due()
    while (shown := await post.endpoints(tenant).get(made.id)).enabled:
        assert post.watch.now() - began < timedelta(days=6)
        assert shown.failing_since == began
        post.watch.turn(hours=19)
        await post.tell(tenant)
        await post.courier.deliver_due()

    assert post.watch.now() - began >= timedelta(days=5)
    assert shown.disabled_for == "failing"
    assert await post.courier.deliver_due() == 0
    again = await post.endpoints(tenant).change(made.id, enabled=True)
    assert (again.disabled_for, again.failing_since) == (None, None)


async def test_one_that_arrives_between_begins_the_five_days_anew(
    post: Post, tenant: str
) -> None:
    made = await post.endpoint(tenant)
    for day in range(8):
        post.network.answer = answering(200 if day == 4 else 500)
        await post.tell(tenant)
        await post.courier.deliver_due()
        post.watch.turn(days=1)

    shown = await post.endpoints(tenant).get(made.id)
    assert shown.enabled
    assert shown.failing_since is not None
    assert post.watch.now() - shown.failing_since == timedelta(days=3)


async def test_a_host_that_keeps_failing_is_left_alone_and_counts_no_try(
    post: Post, tenant: str
) -> None:
    post.network.answer = failing(NoAnswerError("x", reason="connection"))
    await post.tell(tenant, callback_url=CALLBACK, times=12)

    await post.courier.deliver_due()

    tried = len(post.network.posted)
    assert 5 <= tried <= 8
    states = await post.deliveries(tenant).page()
    assert sorted(d.attempts for d in states) == [0] * (12 - tried) + [1] * tried
    post.network.answer = answering(200)
    await until(post, post.watch.now() + timedelta(hours=1))
    assert {d.state for d in await post.deliveries(tenant).page()} == {"delivered"}


async def test_a_failing_host_of_one_tenant_is_no_other_ones(post: Post) -> None:
    post.network.answer = failing(NoAnswerError("x", reason="timeout"))
    one, other = await post.tenant(), await post.tenant()
    await post.tell(one, callback_url=CALLBACK, times=8)
    await post.courier.deliver_due()
    before = len(post.network.posted)

    await post.tell(other, callback_url=CALLBACK)
    await post.courier.deliver_due()

    assert len(post.network.posted) == before + 1


# -- Sending again ------------------------------------------------------------------


async def test_a_dead_letter_is_sent_again_under_its_id(
    post: Post, tenant: str
) -> None:
    (delivery,) = await post.tell(tenant, callback_url=CALLBACK)
    mine = post.deliveries(tenant)
    with pytest.raises(ConflictError):
        await mine.redeliver(delivery)
    post.network.answer = answering(410)
    await post.courier.deliver_due()

    post.network.answer = answering(500, 200)
    assert (await mine.redeliver(delivery)).state == "pending"
    await post.courier.deliver_due()
    due = await post.next_due()
    await until(post, post.watch.now() + timedelta(minutes=1))

    assert due == post.network.posted[1].at + DELAYS[1]
    assert len({posted.message_id for posted in post.network.posted}) == 1
    assert [a.number for a in await mine.attempts(delivery)] == [1, 2, 3]
    assert (await mine.get(delivery)).state == "delivered"


async def test_deliveries_are_found_by_what_they_are(post: Post, tenant: str) -> None:
    made = await post.endpoint(tenant)
    written = []
    for number in range(5):
        post.watch.turn(seconds=1)
        job = f"job_{number}"
        written += await post.tell(tenant, job_id=job, callback_url=CALLBACK)
    mine = post.deliveries(tenant)

    async def found(**by: object) -> list[str]:
        return [d.id for d in await mine.page(**by)]

    first = await found(limit=4)
    rest = await found(before=first[-1], limit=100)
    assert sorted(first + rest) == sorted(written)
    assert first == sorted(first, reverse=True)
    assert await found(job_id="job_3", endpoint_id=made.id) == [written[6]]
    assert await found(state="dead") == []
    assert await found(job_id="job_9") == []


async def test_what_is_old_or_of_a_job_that_is_erased_is_forgotten(
    post: Post, tenant: str
) -> None:
    await post.tell(tenant, job_id="job_1", callback_url=CALLBACK)
    await post.courier.deliver_due()
    post.watch.turn(days=31)
    (later,) = await post.tell(tenant, job_id="job_2", callback_url=CALLBACK)

    assert await post.leases.forget(post.watch.now() - timedelta(days=30)) == 1
    assert [d.id for d in await post.deliveries(tenant).page()] == [later]
    await post.database.write(lambda c: forget_job(c, tenant, "job_2"))
    assert await post.deliveries(tenant).page() == []
    assert await post.courier.deliver_due() == 0


# -- Many at once, and cut off ------------------------------------------------------


async def test_a_message_that_was_cut_off_is_sent_again_under_its_id(
    post: Post, tenant: str
) -> None:
    (delivery,) = await post.tell(tenant, callback_url=CALLBACK)
    post.network.held = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(post.courier.deliver_due)
        while not post.network.posted:
            await anyio.sleep(0.001)
        tasks.cancel_scope.cancel()  # it is sent, and never recorded
    post.network.held = None

    other = post.another_courier()
    assert await other.deliver_due() == 0
    post.watch.turn(seconds=LEASE.total_seconds())
    assert await other.deliver_due() == 1

    first, second = post.network.posted
    assert first.message_id == second.message_id
    assert first.body == second.body
    made = await post.deliveries(tenant).attempts(delivery)
    assert [a.number for a in made] == [2]


async def test_who_comes_too_late_with_how_it_ended_is_not_heard(
    post: Post, tenant: str
) -> None:
    (delivery,) = await post.tell(tenant, callback_url=CALLBACK)
    (late,) = await post.leases.claim()
    post.watch.turn(seconds=LEASE.total_seconds())
    (newer,) = await post.leases.claim()
    now = post.watch.now()

    assert not await post.leases.record(late, Outcome("5xx"), now, 1)
    await post.leases.postpone(late, now + timedelta(days=1))
    assert await post.leases.record(newer, Outcome("2xx"), now, 0.25)
    assert not await post.leases.record(newer, Outcome("5xx"), now, 1)

    (made,) = await post.deliveries(tenant).attempts(delivery)
    assert (made.number, made.outcome, made.milliseconds) == (2, "2xx", 250)


async def test_what_is_lost_every_time_is_given_up(post: Post, tenant: str) -> None:
    (delivery,) = await post.tell(tenant, callback_url=CALLBACK)
    claims = []
    while claimed := await post.leases.claim():
        claims += claimed
        post.watch.turn(seconds=LEASE.total_seconds())

    assert [claim.number for claim in claims] == list(range(1, len(DELAYS) + 1))
    shown = await post.deliveries(tenant).get(delivery)
    assert (shown.state, shown.outcome) == ("dead", "lost")


async def test_what_is_taken_back_while_it_is_claimed_is_not_sent(
    post: Post, tenant: str
) -> None:
    made = await post.endpoint(tenant)
    (delivery,) = await post.tell(tenant)
    claim = post.leases.claim

    async def claimed_and_then_disabled(most: int = 64) -> object:
        found = await claim(most)
        if found:
            await post.endpoints(tenant).change(made.id, enabled=False)
        return found

    post.leases.claim = claimed_and_then_disabled
    await post.courier.deliver_due()

    assert post.network.posted == []
    assert (await post.deliveries(tenant).get(delivery)).state == "cancelled"


async def test_a_tenant_has_four_messages_under_way_and_all_have_sixty_four(
    post: Post,
) -> None:
    for number in range(18):
        tenant = await post.tenant()
        url = f"https://t{number}.example.com/"
        await post.tell(tenant, callback_url=url, times=6)
    couriers = [post.courier, post.another_courier(), post.another_courier()]

    async with anyio.create_task_group() as tasks:
        for courier in couriers:
            tasks.start_soon(courier.deliver_due)

    assert len(post.network.posted) == 18 * 6
    assert len({posted.message_id for posted in post.network.posted}) == 18 * 6
    assert max(post.network.most_at_once_of.values()) <= 4
    assert post.network.most_at_once <= 64


async def test_one_with_much_to_tell_holds_up_no_other(post: Post) -> None:
    busy, other = await post.tenant(), await post.tenant()
    await post.tell(busy, callback_url=CALLBACK, times=100)
    await post.tell(other, callback_url=CALLBACK)

    claims = await post.leases.claim()

    assert [claim.tenant_id for claim in claims] == [busy] * 4 + [other]
    assert await post.leases.backlog() == 96
    assert await post.leases.claim() == []


# -- As long as the service runs ----------------------------------------------------


async def test_a_courier_sends_what_is_written_and_stops_when_it_is_told(
    post: Post, tenant: str
) -> None:
    await post.endpoint(tenant)
    post.network.held = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(post.courier.run)
        await post.tell(tenant)
        post.courier.wake()
        while not post.network.posted:
            await anyio.sleep(0.001)
        post.courier.stop()
        post.network.held.set()
    await post.tell(tenant)

    assert [d.state for d in await post.deliveries(tenant).page()] == [
        "pending",
        "delivered",
    ]


async def test_a_database_that_goes_away_for_a_while_stops_no_courier(
    post: Post, tenant: str
) -> None:
    await post.endpoint(tenant)
    write, away = post.database.write, [True] * 3

    async def shaky(work: Callable[..., object]) -> object:
        if away:
            away.pop()
            raise DatabaseError("away")
        return await write(work)

    await post.tell(tenant)
    post.database.write = shaky
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(post.courier.run)
        while not post.network.posted:
            post.courier.wake()
            await anyio.sleep(0.001)
        post.courier.stop()

    assert len(post.network.posted) == 1


async def test_a_secret_that_cannot_be_opened_sends_nothing_unsigned(
    post: Post, tenant: str
) -> None:
    await post.endpoint(tenant)
    (delivery,) = await post.tell(tenant)
    post.seal = Seal(b"another key, of thirty-two bytes")

    await post.another_courier().deliver_due()

    assert post.network.posted == []
    shown = await post.deliveries(tenant).get(delivery)
    assert (shown.state, shown.outcome) == ("pending", "sealed")
