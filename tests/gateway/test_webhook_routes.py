"""Webhooks over HTTP: endpoints, secrets, and what became of each message."""

from __future__ import annotations

from typing import Any

import pytest
import standardwebhooks
from gateway.doors import Doors
from gateway.people import Person
from gateway.posting import answer as answered
from gateway.watches import Watch

from zg_plugins_builtin.gateway.database import Database
from zg_plugins_builtin.gateway.errors import CallbackForbiddenError
from zg_plugins_builtin.gateway.identity import Identity
from zg_plugins_builtin.gateway.webhooks.events import Event
from zg_plugins_builtin.gateway.webhooks.outbox import enqueue

pytestmark = pytest.mark.anyio
HOOKS, SENT = "/api/v1/webhook-endpoints", "/api/v1/webhook-deliveries"
URL = "https://hook.example.com/in"


async def made(doors: Doors, who: Person, **changed: Any) -> dict[str, Any]:
    answer = await doors.ask(who, "POST", HOOKS, {"url": URL} | changed)
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"{HOOKS}/{document['endpoint_id']}"
    return document


async def test_a_secret_is_shown_once_and_verifies_what_is_sent(
    doors: Doors, ada: Person
) -> None:
    hook = await made(doors, ada)
    path = f"{HOOKS}/{hook['endpoint_id']}"

    tested = await doors.ask(ada, "POST", f"{path}/test")
    await doors.webhooks.courier.deliver_due()
    shown = await doors.ask(ada, "GET", path)

    (posted,) = doors.network.posted
    verifier = standardwebhooks.Webhook(hook["secret"])
    right = verifier.sign(posted.message_id, posted.at, posted.body.decode())
    assert posted.headers["webhook-signature"] == right
    assert b'"webhook.test"' in posted.body
    assert tested.status_code == 202
    assert hook["secret"] not in shown.text
    assert shown.json() == {k: v for k, v in hook.items() if k != "secret"}


async def test_what_became_of_a_message_is_told_and_no_word_of_the_receiver(
    doors: Doors, ada: Person
) -> None:
    hook = await made(doors, ada)
    doors.network.answer = lambda _posted: answered(410, secret_header="inside")
    path = f"{HOOKS}/{hook['endpoint_id']}"

    delivery = (await doors.ask(ada, "POST", f"{path}/test")).json()["delivery_id"]
    await doors.webhooks.courier.deliver_due()
    got = await doors.ask(ada, "GET", f"{SENT}/{delivery}")
    after = await doors.ask(ada, "GET", path)

    (attempt,) = got.json()["history"]
    assert (got.json()["state"], attempt["number"]) == ("dead", 1)
    assert "inside" not in got.text
    assert (after.json()["enabled"], after.json()["disabled_for"]) == (False, "gone")


async def test_a_dead_message_is_sent_once_more(doors: Doors, ada: Person) -> None:
    hook = await made(doors, ada)
    doors.network.answer = lambda _posted: answered(410)
    path = f"{HOOKS}/{hook['endpoint_id']}"
    delivery = (await doors.ask(ada, "POST", f"{path}/test")).json()["delivery_id"]
    await doors.webhooks.courier.deliver_due()

    while_off = await doors.ask(ada, "POST", f"{SENT}/{delivery}/redeliver")
    await doors.ask(ada, "PATCH", path, {"enabled": True})
    doors.network.answer = lambda _posted: answered(200)
    again = await doors.ask(ada, "POST", f"{SENT}/{delivery}/redeliver")
    await doors.webhooks.courier.deliver_due()
    got = await doors.ask(ada, "GET", f"{SENT}/{delivery}")

    assert (while_off.status_code, again.status_code) == (409, 202)
    assert got.json()["state"] == "delivered"
    first, second = doors.network.posted
    assert first.message_id == second.message_id


async def test_deliveries_are_chosen_and_listed_by_pages(
    doors: Doors, ada: Person
) -> None:
    one, two = await made(doors, ada), await made(doors, ada)
    for hook in (one, two, one):
        await doors.ask(ada, "POST", f"{HOOKS}/{hook['endpoint_id']}/test")

    async def page(query: str) -> dict[str, Any]:
        document: dict[str, Any] = (await doors.ask(ada, "GET", SENT + query)).json()
        return document

    first = await page("?limit=2&state=pending")
    rest = await page(f"?state=pending&cursor={first['next_cursor']}")
    chosen = await page(f"?endpoint_id={one['endpoint_id']}")
    none = await page(f"?state=dead&job_id=job_{'0' * 32}")

    listed = [d["delivery_id"] for d in (*first["data"], *rest["data"])]
    assert listed == sorted(listed, reverse=True)
    assert len(listed) == 3
    assert {d["endpoint_id"] for d in chosen["data"]} == {one["endpoint_id"]}
    assert none == {"data": [], "has_more": False, "next_cursor": None}
    other = await doors.ask(ada, "GET", f"{SENT}?cursor={first['next_cursor']}")
    assert other.status_code == 422, "the cursor is another list's"


async def test_a_secret_that_is_rotated_is_another(doors: Doors, ada: Person) -> None:
    hook = await made(doors, ada)

    answer = await doors.ask(
        ada, "POST", f"{HOOKS}/{hook['endpoint_id']}/rotate-secret"
    )
    own = await doors.ask(ada, "POST", "/api/v1/webhook-secret/rotate")

    secrets = {hook["secret"], answer.json()["secret"], own.json()["secret"]}
    assert len(secrets) == 3
    assert all(secret.startswith("whsec_") for secret in secrets)


async def test_an_asymmetric_endpoint_shows_its_public_key(
    doors: Doors, ada: Person
) -> None:
    hook = await made(doors, ada, asymmetric=True)

    answer = await doors.ask(ada, "GET", f"{HOOKS}/{hook['endpoint_id']}/public-keys")

    assert answer.json() == {"public_keys": [hook["secret"]]}


async def test_endpoints_are_changed_listed_and_deleted(
    doors: Doors, ada: Person
) -> None:
    hook = await made(doors, ada, events=["job.completed"], description="ours")
    path = f"{HOOKS}/{hook['endpoint_id']}"

    changed = await doors.ask(ada, "PATCH", path, {"enabled": False, "events": ["*"]})
    off = await doors.ask(ada, "POST", f"{path}/test")
    listed = await doors.ask(ada, "GET", HOOKS)
    gone = await doors.ask(ada, "DELETE", path)
    after = await doors.ask(ada, "GET", path)

    assert (changed.json()["enabled"], changed.json()["events"]) == (False, ["*"])
    assert listed.json()["data"] == [changed.json()]
    assert [off.status_code, gone.status_code, after.status_code] == [409, 204, 404]


async def test_the_audit_tells_who_changed_an_endpoint(
    doors: Doors, owner: Person, ada: Person
) -> None:
    hook = await made(doors, ada)

    answer = await doors.ask(owner, "GET", "/api/v1/admin/audit?limit=1")

    (entry,) = answer.json()["data"]
    assert entry["action"] == "webhook_endpoint.created"
    assert (entry["actor"], entry["target"]) == (ada.user.id, hook["endpoint_id"])


async def test_a_url_that_may_not_be_called_is_refused(
    doors: Doors, ada: Person
) -> None:
    doors.network.forbidden = CallbackForbiddenError("the host is not public")

    answer = await doors.ask(ada, "POST", HOOKS, {"url": "https://10.0.0.1/"})

    assert (answer.status_code, answer.json()["code"]) == (
        422,
        "callback_url_forbidden",
    )


async def test_what_is_another_tenants_is_not_there(
    doors: Doors, ada: Person, stranger: Person
) -> None:
    hook = await made(doors, ada)
    path = f"{HOOKS}/{hook['endpoint_id']}"
    delivery = (await doors.ask(ada, "POST", f"{path}/test")).json()["delivery_id"]

    asked = [
        await doors.ask(stranger, "GET", path),
        await doors.ask(stranger, "PATCH", path, {"enabled": False}),
        await doors.ask(stranger, "DELETE", path),
        await doors.ask(stranger, "POST", f"{path}/test"),
        await doors.ask(stranger, "POST", f"{path}/rotate-secret"),
        await doors.ask(stranger, "GET", f"{path}/public-keys"),
        await doors.ask(stranger, "GET", f"{SENT}/{delivery}"),
        await doors.ask(stranger, "POST", f"{SENT}/{delivery}/redeliver"),
    ]
    listed = [await doors.ask(stranger, "GET", place) for place in (HOOKS, SENT)]

    assert {answer.status_code for answer in asked} == {404}
    assert all(answer.json()["data"] == [] for answer in listed)


async def test_results_are_told_nowhere_by_who_may_not_read_them(
    doors: Doors, ada: Person, identity: Identity, database: Database, watch: Watch
) -> None:
    keys = identity.api_keys(ada.principal.tid)
    scopes = ["webhooks:read", "webhooks:write"]
    key = (await keys.create(ada.principal, "hooks", scopes)).secret
    told = await made(doors, ada, include_result=True)
    plain = await made(doors, ada)

    async def refused(method: str, path: str, **body: Any) -> bool:
        answer = await doors.ask(key, method, path, body)
        if answer.status_code < 300:
            return False
        assert (answer.status_code, answer.json()["code"]) == (
            403,
            "insufficient_scope",
        )
        return True

    assert await refused("POST", HOOKS, url=URL, include_result=True)
    assert not await refused("POST", HOOKS, url=URL)
    path = f"{HOOKS}/{plain['endpoint_id']}"
    assert await refused("PATCH", path, include_result=True)
    assert not await refused("PATCH", path, url=f"{URL}/2", enabled=False)
    path = f"{HOOKS}/{told['endpoint_id']}"
    assert await refused("PATCH", path, url=f"{URL}/3")
    assert (await doors.ask(ada, "GET", path)).json()["url"] == URL
    assert not await refused("PATCH", path, description="theirs")
    assert not await refused("PATCH", path, url=URL)
    event = Event("job.completed", watch.now(), {}, result="a secret")
    tenant = ada.principal.tid
    await database.write(lambda c: enqueue(c, tenant, event, watch.now()))
    assert not await refused("PATCH", path, include_result=False)
    assert await refused("PATCH", path, url=f"{URL}/3"), "it waits, or is sent again"
    moved = {"url": f"{URL}/3", "include_result": True}
    answer = await doors.ask(ada, "PATCH", path, moved)
    assert answer.json()["include_result"] is True
