"""Logging in over HTTP, and what people see of their own account."""

from __future__ import annotations

import pytest
from gateway.doors import Doors
from gateway.people import GOOD, OTHER, Person, tenant_of
from gateway.watches import Watch

from zg_plugins_builtin.gateway.identity import Identity

pytestmark = pytest.mark.anyio
AUTH = "/api/v1/auth"


async def test_who_logs_in_can_ask_refresh_and_log_out(
    doors: Doors, ada: Person
) -> None:
    said = {"email": ada.user.email, "password": GOOD}

    first = await doors.ask(None, "POST", f"{AUTH}/login", said)
    again = {"refresh_token": first.json()["refresh_token"]}
    second = (await doors.ask(None, "POST", f"{AUTH}/refresh", again)).json()
    me = await doors.ask(second["access_token"], "GET", f"{AUTH}/me")
    out = await doors.ask(second["access_token"], "POST", f"{AUTH}/logout")
    after = await doors.ask(second["access_token"], "GET", f"{AUTH}/me")

    assert first.status_code == 200
    assert (first.json()["token_type"], first.json()["expires_in"]) == ("Bearer", 600)
    assert first.headers["cache-control"] == "no-store"
    assert me.json()["email"] == ada.user.email
    assert me.json()["scopes"] == sorted(ada.principal.scopes)
    assert (out.status_code, after.status_code) == (204, 401)


async def test_a_refresh_token_that_comes_twice_ends_the_session(
    doors: Doors, ada: Person
) -> None:
    said = {"refresh_token": ada.tokens.refresh_token}

    first = await doors.ask(None, "POST", f"{AUTH}/refresh", said)
    second = await doors.ask(None, "POST", f"{AUTH}/refresh", said)
    after = await doors.ask(first.json()["access_token"], "GET", f"{AUTH}/me")

    assert (first.status_code, second.status_code, after.status_code) == (200, 401, 401)


async def test_nobody_learns_whether_the_address_or_the_password_is_wrong(
    doors: Doors, ada: Person
) -> None:
    async def tried(email: str) -> dict[str, object]:
        said = {"email": email, "password": OTHER}
        answer = await doors.ask(None, "POST", f"{AUTH}/login", said)
        assert answer.status_code == 401
        return {k: v for k, v in answer.json().items() if k != "request_id"}

    assert await tried(ada.user.email) == await tried("nobody@x.example")


async def test_an_account_is_tried_five_times_a_minute_from_one_block(
    doors: Doors, ada: Person
) -> None:
    async def tried(address: str, email: str = ada.user.email) -> int:
        said = {"email": email, "password": OTHER}
        answer = await doors.ask(
            None, "POST", f"{AUTH}/login", said, client=(address, 1)
        )
        return answer.status_code

    guesses = [await tried(f"198.51.100.{n}") for n in range(6)]
    in_capitals = await tried("198.51.100.9", f" {ada.user.email.upper()}")

    assert guesses == [401] * 5 + [429]
    assert in_capitals == 429
    assert await tried("203.0.113.1") == 401, "others may go on"
    assert await tried("198.51.100.1", "other@x.example") == 401


async def test_an_address_tries_twenty_times_a_minute(doors: Doors) -> None:
    async def tried(number: int) -> int:
        said = {"email": f"user{number}@x.example", "password": OTHER}
        return (await doors.ask(None, "POST", f"{AUTH}/login", said)).status_code

    answers = [await tried(number) for number in range(21)]

    assert answers == [401] * 20 + [429]


async def test_a_login_says_when_it_may_be_tried_again(doors: Doors) -> None:
    said = {"email": "a@x.example", "password": OTHER}
    for _ in range(5):
        await doors.ask(None, "POST", f"{AUTH}/login", said)

    answer = await doors.ask(None, "POST", f"{AUTH}/login", said)

    assert answer.json()["code"] == "quota_exceeded"
    assert answer.headers["ratelimit-policy"].startswith('"login";q=5;w=60, ')
    assert 0 < int(answer.headers["retry-after"]) <= 12


async def test_a_changed_password_ends_the_other_sessions(
    doors: Doors, ada: Person
) -> None:
    said = {"current_password": GOOD, "new_password": OTHER}

    answer = await doors.ask(ada, "POST", f"{AUTH}/password/change", said)
    before = await doors.ask(ada, "GET", f"{AUTH}/me")
    now = await doors.ask(answer.json()["access_token"], "GET", f"{AUTH}/me")

    assert (answer.status_code, before.status_code, now.status_code) == (200, 401, 200)


async def test_a_weak_password_is_refused_by_name(doors: Doors, ada: Person) -> None:
    said = {"current_password": GOOD, "new_password": "short"}

    answer = await doors.ask(ada, "POST", f"{AUTH}/password/change", said)

    assert answer.status_code == 422
    assert "short" not in answer.text.replace("too_short", "").replace("shorter", "")


async def test_a_ticket_sets_a_password_once(
    doors: Doors, identity: Identity, owner: Person
) -> None:
    users = identity.users(owner.principal.tid)
    made = await users.create(owner.principal, "eve@x.example", ["viewer"])
    ticket = await users.invite(owner.principal, made.id)
    said = {"ticket": ticket.secret, "password": GOOD}

    first = await doors.ask(None, "POST", f"{AUTH}/password/reset", said)
    second = await doors.ask(None, "POST", f"{AUTH}/password/reset", said)
    login = {"email": "eve@x.example", "password": GOOD}
    inside = await doors.ask(None, "POST", f"{AUTH}/login", login)

    assert (first.status_code, second.status_code) == (204, 401)
    assert inside.status_code == 200


async def test_sessions_are_listed_by_pages_and_ended(
    doors: Doors, identity: Identity, ada: Person
) -> None:
    for number in range(2):
        await identity.logins.login(ada.user.email, GOOD, client=f"app {number}")

    first = await doors.ask(ada, "GET", f"{AUTH}/sessions?limit=2")
    there = first.headers["link"].partition(">")[0][1:]
    second = await doors.ask(ada, "GET", there)
    shown = [*first.json()["data"], *second.json()["data"]]

    assert [one["client"] for one in shown] == ["app 1", "app 0", ""]
    assert [one["current"] for one in shown] == [False, False, True]
    assert (first.json()["has_more"], second.json()["has_more"]) == (True, False)

    path = f"{AUTH}/sessions/{shown[0]['session_id']}"
    assert (await doors.ask(ada, "DELETE", path)).status_code == 204
    assert (await doors.ask(ada, "DELETE", path)).status_code == 404
    assert (await doors.ask(ada, "DELETE", f"{AUTH}/sessions")).status_code == 204
    assert (await doors.ask(ada, "GET", f"{AUTH}/sessions")).status_code == 401


async def test_nobody_ends_sessions_of_another_tenant(
    doors: Doors, identity: Identity, owner: Person
) -> None:
    stranger = await tenant_of(identity, owner.principal, "initech")
    path = f"{AUTH}/sessions/{owner.tokens.session_id}"

    assert (await doors.ask(stranger, "DELETE", path)).status_code == 404
    assert (await doors.ask(owner, "GET", f"{AUTH}/me")).status_code == 200


async def test_a_key_neither_sees_nor_ends_the_sessions_of_its_owner(
    doors: Doors, identity: Identity, ada: Person
) -> None:
    keys = identity.api_keys(ada.principal.tid)
    made = await keys.create(ada.principal, "ci", ["jobs:read"])

    me = await doors.ask(made.secret, "GET", f"{AUTH}/me")
    seen = await doors.ask(made.secret, "GET", f"{AUTH}/sessions")
    ended = await doors.ask(made.secret, "DELETE", f"{AUTH}/sessions")

    assert (me.json()["kind"], me.json()["scopes"]) == ("key", ["jobs:read"])
    assert (seen.status_code, ended.status_code) == (403, 403)


async def test_the_public_keys_are_there_for_everybody(
    doors: Doors, identity: Identity
) -> None:
    answer = await doors.ask(None, "GET", "/.well-known/jwks.json")

    assert answer.json() == identity.jwks()
    assert all("d" not in key for key in answer.json()["keys"])
    assert answer.headers["cache-control"] == "public, max-age=300"


async def test_a_forged_token_is_nobodys_at_the_door(doors: Doors, ada: Person) -> None:
    head, payload, signature = ada.tokens.access_token.split(".")
    other = "A" if signature[9] != "A" else "B"
    forged = f"{head}.{payload}.{signature[:9]}{other}{signature[10:]}"

    for token in (forged, f"{head}.{payload}.", "zgk_live_x", f"{head}.{payload}"):
        answer = await doors.ask(token, "GET", f"{AUTH}/me")
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


async def test_a_token_that_is_too_old_says_so(
    doors: Doors, ada: Person, watch: Watch
) -> None:
    watch.turn(minutes=11)

    answer = await doors.ask(ada, "GET", f"{AUTH}/me")

    assert answer.json()["code"] == "token_expired"


async def test_a_browser_logs_in_elsewhere_and_comes_back(
    doors: Doors, identity: Identity, owner: Person
) -> None:
    users = identity.users(owner.principal.tid)
    await users.create(owner.principal, "bob@x.example", ["member"])
    doors.elsewhere.claims = {"email": "bob@x.example", "email_verified": True}

    begun = await doors.ask(None, "GET", f"{AUTH}/oauth/elsewhere/authorize")
    cookie = begun.headers["set-cookie"]
    state, code = doors.elsewhere.log_in(begun.headers["location"])
    back = f"{AUTH}/oauth/elsewhere/callback?state={state}&code={code}"
    kept = cookie.partition(";")[0]
    other = await doors.ask(
        None, "GET", back.replace(state, "x"), headers={"cookie": kept}
    )
    came = await doors.ask(None, "GET", back, headers={"cookie": kept})
    token = came.json()["tokens"]["access_token"]

    assert begun.status_code == 302
    assert cookie.startswith("__Host-zg_oauth=")
    assert {part.strip() for part in cookie.split(";")[1:]} == {
        *("HttpOnly", "Secure", "Path=/", "SameSite=lax", "Max-Age=600")
    }
    assert (other.status_code, other.json()["code"]) == (400, "oauth_state_mismatch")
    assert came.status_code == 200
    me = await doors.ask(token, "GET", f"{AUTH}/me")
    assert me.json()["email"] == "bob@x.example"
    listed = await doors.ask(token, "GET", f"{AUTH}/identities")
    (known,) = listed.json()["data"]
    path = f"{AUTH}/identities/{known['identity_id']}"
    assert (await doors.ask(owner, "DELETE", path)).status_code == 404
    assert (await doors.ask(token, "DELETE", path)).status_code == 409


async def test_another_browser_cannot_end_a_login(doors: Doors) -> None:
    begun = await doors.ask(None, "GET", f"{AUTH}/oauth/elsewhere/authorize")
    state, code = doors.elsewhere.log_in(begun.headers["location"])

    answer = await doors.ask(
        None, "GET", f"{AUTH}/oauth/elsewhere/callback?state={state}&code={code}"
    )

    assert answer.json()["code"] == "oauth_state_mismatch"


async def test_who_is_logged_in_becomes_known_elsewhere_too(
    doors: Doors, ada: Person
) -> None:
    begun = await doors.ask(ada, "POST", f"{AUTH}/oauth/elsewhere/link")
    state, code = doors.elsewhere.log_in(begun.json()["address"])
    cookie = begun.headers["set-cookie"].partition(";")[0]
    came = await doors.ask(
        None,
        "GET",
        f"{AUTH}/oauth/elsewhere/callback?state={state}&code={code}",
        headers={"cookie": cookie},
    )

    assert came.json() == {"user_id": ada.user.id, "return_to": "/", "tokens": None}


@pytest.mark.parametrize("name", ["nowhere", "..", "%00", "A"])
async def test_a_provider_that_is_not_set_up_is_not_there(
    doors: Doors, name: str
) -> None:
    answer = await doors.ask(None, "GET", f"{AUTH}/oauth/{name}/authorize")

    assert answer.status_code == 404
