"""Endpoints: who is told what, with which secret, and who never is."""

from __future__ import annotations

from datetime import timedelta

import anyio
import pytest
from gateway.posting import URL, Post
from gateway.watches import Watch
from sqlalchemy import text

from zg_plugins_builtin.gateway.database import Database
from zg_plugins_builtin.gateway.errors import (
    CallbackForbiddenError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
)
from zg_plugins_builtin.gateway.webhooks.endpoints import MOST_ENDPOINTS
from zg_plugins_builtin.gateway.webhooks.events import CALLBACK_TYPES, EVENT_TYPES
from zg_plugins_builtin.gateway.webhooks.signing import SignatureError, verify

pytestmark = pytest.mark.anyio


@pytest.fixture
def post(database: Database, watch: Watch) -> Post:
    return Post(database, watch)


@pytest.fixture
async def tenant(post: Post) -> str:
    return await post.tenant()


async def test_an_endpoint_is_as_it_was_made(post: Post, tenant: str) -> None:
    mine = post.endpoints(tenant)

    made, secret = await mine.create(URL, ["job.failed", "job.completed"])

    assert secret.startswith("whsec_")
    assert made.id.startswith("whe_")
    assert made.events == ("job.completed", "job.failed")
    assert made.created_at == post.watch.now()
    assert made.enabled
    assert await mine.get(made.id) == made
    assert await mine.all() == [made]


async def test_a_secret_is_shown_once_and_kept_sealed(post: Post, tenant: str) -> None:
    made, secret = await post.endpoints(tenant).create(URL, ["*"])
    rows = await post.database.read(
        lambda c: c.execute(text("SELECT * FROM webhook_secrets")).all()
    )

    assert secret not in repr(made)
    assert len(rows) == 1
    assert secret.removeprefix("whsec_") not in repr(rows)


async def test_a_url_that_may_not_be_called_makes_no_endpoint(
    post: Post, tenant: str
) -> None:
    kept = await post.endpoint(tenant)
    post.network.forbidden = CallbackForbiddenError("no")
    mine = post.endpoints(tenant)

    with pytest.raises(CallbackForbiddenError):
        await mine.create("https://10.0.0.1/", ["*"])
    with pytest.raises(CallbackForbiddenError):
        await mine.change(kept.id, url="https://10.0.0.1/", description="new")

    assert await mine.all() == [kept]


@pytest.mark.parametrize(
    ("events", "description", "pointers"),
    [
        ([], "", ["/events"]),
        (["job.unknown"], "", ["/events"]),
        (["webhook.test"], "", ["/events"]),
        (["*", "x"], "d" * 201, ["/events", "/description"]),
    ],
)
async def test_what_is_none_is_said_and_not_made(
    post: Post,
    tenant: str,
    events: list[str],
    description: str,
    pointers: list[str],
) -> None:
    mine = post.endpoints(tenant)

    with pytest.raises(InvalidRequestError) as caught:
        await mine.create(URL, events, description=description)

    assert [fault.pointer for fault in caught.value.faults] == pointers
    assert await mine.all() == []


async def test_there_is_a_most_of_endpoints(post: Post, tenant: str) -> None:
    for _ in range(MOST_ENDPOINTS):
        await post.endpoint(tenant)

    with pytest.raises(ConflictError):
        await post.endpoint(tenant)
    await post.endpoint(await post.tenant())


async def test_there_is_a_most_of_endpoints_however_many_are_made_at_once(
    post: Post, tenant: str
) -> None:
    refused = []

    async def make() -> None:
        try:
            await post.endpoint(tenant)
        except ConflictError as error:
            refused.append(error)

    async with anyio.create_task_group() as group:
        for _ in range(MOST_ENDPOINTS + 10):
            group.start_soon(make)

    assert len(refused) == 10
    assert len(await post.endpoints(tenant).all()) == MOST_ENDPOINTS


async def test_what_is_not_named_in_a_change_stays(post: Post, tenant: str) -> None:
    mine, made = post.endpoints(tenant), await post.endpoint(tenant)

    changed = await mine.change(made.id, description="new")
    both = await mine.change(made.id, events=["job.failed"], include_result=True)

    assert (changed.description, changed.url, changed.events) == ("new", URL, ("*",))
    assert (both.description, both.events) == ("new", ("job.failed",))
    assert both.include_result
    assert await mine.change(made.id) == both


async def test_an_endpoint_is_told_what_it_asked_for(post: Post, tenant: str) -> None:
    await post.endpoints(tenant).create(URL, ["job.failed"])
    everything = await post.endpoint(tenant, "https://all.example.com/")

    for kind in sorted(EVENT_TYPES):
        await post.tell(tenant, kind)
    await post.courier.deliver_due()

    to = [posted.url for posted in post.network.posted]
    assert to.count(URL) == 1
    assert to.count(everything.url) == len(EVENT_TYPES)


async def test_a_callback_is_told_how_its_job_ended_and_nothing_else(
    post: Post, tenant: str
) -> None:
    for kind in sorted(EVENT_TYPES):
        await post.tell(tenant, kind, callback_url="https://callback.example.com/")
    await post.courier.deliver_due()

    assert len(post.network.posted) == len(CALLBACK_TYPES)
    assert all(b"result" not in posted.body for posted in post.network.posted)


async def test_a_result_is_told_where_it_is_asked_for(post: Post, tenant: str) -> None:
    await post.endpoints(tenant).create(URL, ["*"], include_result=True)
    await post.tell(tenant)
    await post.courier.deliver_due()

    assert b'"result":"result"' in post.network.posted[0].body


async def test_each_change_is_told_to_the_audit(post: Post, tenant: str) -> None:
    mine, made = post.endpoints(tenant), await post.endpoint(tenant)
    await mine.change(made.id)
    await mine.change(made.id, enabled=False)
    await mine.rotate_secret(made.id)
    await mine.rotate_secret(None)
    await mine.delete(made.id)

    assert post.changes == [
        ("webhook_endpoint.created", made.id),
        ("webhook_endpoint.changed", made.id),
        ("webhook_secret.rotated", made.id),
        ("webhook_secret.rotated", tenant),
        ("webhook_endpoint.deleted", made.id),
    ]


# -- Secrets -------------------------------------------------------------------------


@pytest.mark.parametrize("asymmetric", [False, True])
async def test_an_old_secret_signs_for_a_day_beside_the_new_one(
    post: Post, tenant: str, asymmetric: bool
) -> None:
    mine = post.endpoints(tenant)
    made, old = await mine.create(URL, ["*"], asymmetric=asymmetric)
    new = await mine.rotate_secret(made.id)

    async def signs(secret: str) -> bool:
        await post.tell(tenant)
        await post.courier.deliver_due()
        posted = post.network.posted[-1]
        try:
            verify(posted.headers, posted.body, secret, now=post.watch.now())
        except SignatureError:
            return False
        return True

    assert old.startswith("whpk_" if asymmetric else "whsec_")
    assert await signs(old)
    assert await signs(new)
    post.watch.turn(hours=23, minutes=59)
    assert await signs(old)
    post.watch.turn(minutes=1)
    assert not await signs(old)
    assert await signs(new)


async def test_public_keys_can_be_read_and_secrets_cannot(
    post: Post, tenant: str
) -> None:
    mine = post.endpoints(tenant)
    shared, _ = await mine.create(URL, ["*"])
    made, public = await mine.create(URL, ["*"], asymmetric=True)
    newer = await mine.rotate_secret(made.id)

    assert await mine.public_keys(made.id) == [newer, public]
    assert await mine.public_keys(shared.id) == []


async def test_a_secret_is_not_rotated_without_end(post: Post, tenant: str) -> None:
    mine, made = post.endpoints(tenant), await post.endpoint(tenant)
    for _ in range(4):
        await mine.rotate_secret(made.id)

    with pytest.raises(ConflictError):
        await mine.rotate_secret(made.id)
    post.watch.turn(days=1)
    await mine.rotate_secret(made.id)


async def test_callbacks_are_signed_with_the_tenants_own_secret(
    post: Post, tenant: str
) -> None:
    where = "https://callback.example.com/"
    await post.tell(tenant, callback_url=where)
    await post.courier.deliver_due()  # nobody has asked for the secret yet
    secret = await post.endpoints(tenant).rotate_secret(None)
    for whose in (tenant, await post.tenant()):
        await post.tell(whose, callback_url=where)
        await post.courier.deliver_due()

    _, mine, other = post.network.posted
    verify(mine.headers, mine.body, secret, now=post.watch.now())
    with pytest.raises(SignatureError):
        verify(other.headers, other.body, secret, now=post.watch.now())


# -- What is disabled, deleted or somebody else's ------------------------------------


async def test_nothing_goes_to_an_endpoint_that_is_disabled(
    post: Post, tenant: str
) -> None:
    mine, made = post.endpoints(tenant), await post.endpoint(tenant)
    (waiting,) = await post.tell(tenant)

    await mine.change(made.id, enabled=False)

    assert await post.tell(tenant) == []
    assert await post.courier.deliver_due() == 0
    assert (await post.deliveries(tenant).get(waiting)).state == "cancelled"
    with pytest.raises(ConflictError):
        await mine.test(made.id)
    with pytest.raises(ConflictError):
        await post.deliveries(tenant).redeliver(waiting)

    await mine.change(made.id, enabled=True)
    assert await post.courier.deliver_due() == 0
    await post.deliveries(tenant).redeliver(waiting)
    assert await post.courier.deliver_due() == 1


async def test_nothing_goes_to_an_endpoint_that_is_deleted(
    post: Post, tenant: str
) -> None:
    mine, made = post.endpoints(tenant), await post.endpoint(tenant)
    (waiting,) = await post.tell(tenant)

    await mine.delete(made.id)

    assert await post.courier.deliver_due() == 0
    assert await mine.all() == []
    with pytest.raises(NotFoundError):
        await mine.delete(made.id)
    with pytest.raises(ConflictError):
        await post.deliveries(tenant).redeliver(waiting)
    rows = await post.database.read(
        lambda c: c.execute(text("SELECT * FROM webhook_secrets")).all()
    )
    assert rows == []


async def test_what_waits_goes_to_the_new_url_of_its_endpoint(
    post: Post, tenant: str
) -> None:
    made = await post.endpoint(tenant)
    await post.tell(tenant)

    await post.endpoints(tenant).change(made.id, url="https://new.example.com/")
    await post.courier.deliver_due()

    assert [got.url for got in post.network.posted] == ["https://new.example.com/"]


async def test_what_is_somebody_elses_is_not_there(post: Post, tenant: str) -> None:
    made = await post.endpoint(tenant)
    (waiting,) = await post.tell(tenant)
    stranger = await post.tenant()
    theirs, sent = post.endpoints(stranger), post.deliveries(stranger)

    for ask in (
        lambda: theirs.get(made.id),
        lambda: theirs.change(made.id, enabled=False),
        lambda: theirs.delete(made.id),
        lambda: theirs.rotate_secret(made.id),
        lambda: theirs.public_keys(made.id),
        lambda: theirs.test(made.id),
        lambda: sent.get(waiting),
        lambda: sent.attempts(waiting),
        lambda: sent.redeliver(waiting),
    ):
        with pytest.raises(NotFoundError):
            await ask()

    assert await theirs.all() == []
    assert await sent.page() == []
    assert await sent.page(endpoint_id=made.id) == []
    assert await post.tell(stranger) == []
    assert (await post.endpoints(tenant).get(made.id)).enabled


async def test_a_test_event_goes_to_its_endpoint_only(post: Post, tenant: str) -> None:
    made = await post.endpoint(tenant)
    await post.endpoint(tenant, "https://other.example.com/")

    delivery = await post.endpoints(tenant).test(made.id)
    await post.courier.deliver_due()

    (posted,) = post.network.posted
    assert posted.url == made.url
    assert b'"type":"webhook.test"' in posted.body
    assert (await post.deliveries(tenant).get(delivery)).state == "delivered"


async def test_the_time_of_a_message_is_when_it_is_sent(
    post: Post, tenant: str
) -> None:
    _, secret = await post.endpoints(tenant).create(URL, ["*"])
    await post.tell(tenant)
    post.watch.turn(hours=3)
    await post.courier.deliver_due()

    (posted,) = post.network.posted
    verify(posted.headers, posted.body, secret, now=post.watch.now())
    with pytest.raises(SignatureError):
        early = post.watch.now() - timedelta(hours=3)
        verify(posted.headers, posted.body, secret, now=early)
