"""Keys, users, tenants and the audit over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from gateway.doors import Doors
from gateway.people import GOOD, Person
from gateway.watches import Watch

pytestmark = pytest.mark.anyio
KEYS, ADMIN = "/api/v1/api-keys", "/api/v1/admin"


async def made_key(doors: Doors, who: Person, **changed: Any) -> dict[str, Any]:
    said = {"name": "ci", "scopes": ["jobs:read"]} | changed
    answer = await doors.ask(who, "POST", KEYS, said)
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"{KEYS}/{document['key_id']}"
    return document


# -- Keys --------------------------------------------------------------------------


async def test_a_key_is_shown_once_and_lets_its_owner_in(
    doors: Doors, ada: Person
) -> None:
    made = await made_key(doors, ada)

    me = await doors.ask(made["key"], "GET", "/api/v1/auth/me")
    shown = await doors.ask(ada, "GET", f"{KEYS}/{made['key_id']}")

    assert me.json()["key_id"] == made["key_id"]
    assert shown.json()["hint"] == made["key"][:13]
    assert made["key"] not in shown.text
    assert "key" not in shown.json()


async def test_a_key_may_do_no_more_than_who_makes_it(
    doors: Doors, ada: Person
) -> None:
    said = {"name": "root", "scopes": ["admin:users"]}

    answer = await doors.ask(ada, "POST", KEYS, said)

    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_a_key_that_is_replaced_works_no_more(doors: Doors, ada: Person) -> None:
    made = await made_key(doors, ada)

    rotated = await doors.ask(ada, "POST", f"{KEYS}/{made['key_id']}/rotate", {})
    old = await doors.ask(made["key"], "GET", "/api/v1/auth/me")
    new = await doors.ask(rotated.json()["key"], "GET", "/api/v1/auth/me")

    assert rotated.status_code == 201
    assert (old.status_code, new.status_code) == (401, 200)


async def test_a_key_that_is_revoked_works_no_more(doors: Doors, ada: Person) -> None:
    made = await made_key(doors, ada)

    gone = await doors.ask(ada, "DELETE", f"{KEYS}/{made['key_id']}")
    me = await doors.ask(made["key"], "GET", "/api/v1/auth/me")

    assert (gone.status_code, me.status_code) == (204, 401)


async def test_people_list_their_own_keys_and_administrators_those_of_others(
    doors: Doors, owner: Person, ada: Person
) -> None:
    made = [(await made_key(doors, ada, name=f"k{n}"))["key_id"] for n in range(3)]
    mine = await made_key(doors, owner)

    async def ids(who: Person, query: str = "") -> list[str]:
        answer = await doors.ask(who, "GET", f"{KEYS}{query}")
        return [key["key_id"] for key in answer.json()["data"]]

    assert await ids(ada) == made
    assert await ids(owner) == [mine["key_id"]]
    assert await ids(owner, f"?user_id={ada.user.id}") == made
    refused = await doors.ask(ada, "GET", f"{KEYS}?user_id={owner.user.id}")
    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_scope")


async def test_a_cursor_is_good_for_the_list_it_came_from(
    doors: Doors, owner: Person, ada: Person, stranger: Person
) -> None:
    for name in ("a", "b"):
        await made_key(doors, ada, name=name)
    first = await doors.ask(ada, "GET", f"{KEYS}?limit=1")
    cursor = first.json()["next_cursor"]

    async def status(who: Person, path: str) -> int:
        return (await doors.ask(who, "GET", path)).status_code

    assert await status(ada, f"{KEYS}?limit=1&cursor={cursor}") == 200
    assert await status(owner, f"{KEYS}?cursor={cursor}&user_id={ada.user.id}") == 200
    assert await status(owner, f"{KEYS}?cursor={cursor}") == 422
    assert await status(stranger, f"{KEYS}?cursor={cursor}") == 422
    assert await status(owner, f"{ADMIN}/users?cursor={cursor}") == 422
    assert await status(ada, f"{KEYS}?cursor={cursor[:-1]}") == 422


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_key_of_somebody_else_is_not_there(
    doors: Doors, owner: Person, ada: Person, stranger: Person, method: str
) -> None:
    of_owner = await made_key(doors, owner)
    of_stranger = await made_key(doors, stranger)

    for who, key in ((ada, of_owner), (owner, of_stranger), (stranger, of_owner)):
        answer = await doors.ask(who, method, f"{KEYS}/{key['key_id']}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "changed",
    [
        {"name": ""},
        {"name": "a\x00b"},
        {"scopes": []},
        {"scopes": ["jobs:fly"]},
        {"cidrs": ["everywhere"]},
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"expires_at": "9999-12-31T23:59:59Z"},
        {"expires_at": "tomorrow"},
        {"more": 1},
    ],
)
async def test_a_key_that_cannot_be_is_refused(
    doors: Doors, ada: Person, changed: dict[str, Any]
) -> None:
    said = {"name": "ci", "scopes": ["jobs:read"]} | changed

    answer = await doors.ask(ada, "POST", KEYS, said)

    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")


# -- Users -------------------------------------------------------------------------


async def test_an_administrator_makes_and_invites_a_user(
    doors: Doors, owner: Person
) -> None:
    said = {"email": "Bob@X.example", "roles": ["viewer"], "name": "Bob"}

    made = await doors.ask(owner, "POST", f"{ADMIN}/users", said)
    user = made.json()
    invited = await doors.ask(owner, "POST", f"{made.headers['location']}/invite")
    ticket = {"ticket": invited.json()["ticket"], "password": GOOD}
    await doors.ask(None, "POST", "/api/v1/auth/password/reset", ticket)
    after = await doors.ask(owner, "GET", made.headers["location"])

    assert (made.status_code, invited.status_code) == (201, 201)
    assert (user["email"], user["has_password"]) == ("bob@x.example", False)
    assert after.json() == {**user, "has_password": True}


async def test_a_user_gets_other_roles_and_is_disabled(
    doors: Doors, owner: Person, ada: Person
) -> None:
    path = f"{ADMIN}/users/{ada.user.id}"

    raised = await doors.ask(owner, "PATCH", path, {"roles": ["admin"]})
    off = await doors.ask(owner, "PATCH", path, {"enabled": False})
    outside = await doors.ask(ada, "GET", "/api/v1/auth/me")
    on = await doors.ask(owner, "PATCH", path, {"enabled": True})
    both = await doors.ask(owner, "PATCH", path, {"enabled": True, "roles": ["admin"]})
    none = await doors.ask(owner, "PATCH", path, {})

    assert raised.json()["roles"] == ["admin"]
    assert off.json()["disabled_at"] is not None
    assert outside.status_code == 401
    assert on.json()["disabled_at"] is None
    assert (both.status_code, none.status_code) == (422, 422)


async def test_users_of_another_tenant_are_not_there(
    doors: Doors, ada: Person, stranger: Person
) -> None:
    path = f"{ADMIN}/users/{ada.user.id}"

    listed = await doors.ask(stranger, "GET", f"{ADMIN}/users")
    got = await doors.ask(stranger, "GET", path)
    changed = await doors.ask(stranger, "PATCH", path, {"enabled": False})
    invited = await doors.ask(stranger, "POST", f"{path}/invite")

    assert [user["user_id"] for user in listed.json()["data"]] == [stranger.user.id]
    assert [got.status_code, changed.status_code, invited.status_code] == [404] * 3


async def test_administration_takes_a_login_of_the_last_minutes(
    doors: Doors, owner: Person, watch: Watch
) -> None:
    watch.turn(minutes=6)
    said = {"email": "bob@x.example", "roles": ["viewer"]}
    key = {"name": "root", "scopes": ["admin:users"]}

    answer = await doors.ask(owner, "POST", f"{ADMIN}/users", said)
    looked = await doors.ask(owner, "GET", f"{ADMIN}/users")
    sly = await doors.ask(owner, "POST", KEYS, key)

    assert (answer.status_code, sly.status_code) == (401, 401)
    assert answer.headers["www-authenticate"] == (
        'Bearer error="insufficient_user_authentication", max_age="300"'
    )
    assert looked.status_code == 200


async def test_a_key_that_may_administer_does(doors: Doors, owner: Person) -> None:
    made = await made_key(doors, owner, scopes=["admin:users"])
    said = {"email": "bob@x.example", "roles": ["viewer"]}

    answer = await doors.ask(made["key"], "POST", f"{ADMIN}/users", said)

    assert answer.status_code == 403, "it gives no more than it may itself"
    listed = await doors.ask(made["key"], "GET", f"{ADMIN}/users")
    assert listed.status_code == 200


async def test_the_audit_tells_who_did_what_in_ones_own_tenant(
    doors: Doors, owner: Person, ada: Person, stranger: Person
) -> None:
    made = await made_key(doors, ada)

    mine = await doors.ask(owner, "GET", f"{ADMIN}/audit?limit=1")
    theirs = await doors.ask(stranger, "GET", f"{ADMIN}/audit?limit=100")

    (entry,) = mine.json()["data"]
    assert (entry["action"], entry["actor"]) == ("key.created", ada.user.id)
    assert entry["target"] == made["key_id"]
    assert mine.json()["has_more"]
    assert made["key_id"] not in theirs.text


# -- Tenants -----------------------------------------------------------------------


async def test_the_host_makes_tenants_and_disables_them(
    doors: Doors, owner: Person
) -> None:
    path = f"{ADMIN}/tenants"
    said = {"name": "acme", "owner_email": "boss@acme.example"}

    made = await doors.ask(owner, "POST", path, said)
    again = await doors.ask(owner, "POST", path, said)
    ticket = {"ticket": made.json()["invitation"]["ticket"], "password": GOOD}
    await doors.ask(None, "POST", "/api/v1/auth/password/reset", ticket)
    login = {"email": "boss@acme.example", "password": GOOD}
    inside = await doors.ask(None, "POST", "/api/v1/auth/login", login)
    off = await doors.ask(owner, "PATCH", made.headers["location"], {"enabled": False})
    outside = await doors.ask(None, "POST", "/api/v1/auth/login", login)
    listed = await doors.ask(owner, "GET", path)

    assert (made.status_code, again.status_code) == (201, 409)
    assert (inside.status_code, outside.status_code) == (200, 401)
    assert off.json()["disabled_at"] is not None
    assert [one["name"] for one in listed.json()["data"]] == ["host", "acme"]


async def test_no_other_tenant_sees_tenants(doors: Doors, stranger: Person) -> None:
    answer = await doors.ask(stranger, "GET", f"{ADMIN}/tenants")

    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
