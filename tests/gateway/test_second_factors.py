"""Second factors: an authenticator beside the password, and what stands in for it."""

from __future__ import annotations

from typing import Any

import anyio
import pyotp
import pytest
from gateway.doors import Doors
from gateway.people import GOOD, OTHER, Person, logged_in
from gateway.watches import Watch
from sqlalchemy import select

from zg_plugins_builtin.gateway.errors import UnauthenticatedError
from zg_plugins_builtin.gateway.identity import Identity, tables

pytestmark = pytest.mark.anyio
TOTP = "/api/v1/auth/totp"


class Phone:
    """Shows the codes of an authenticator."""

    def __init__(self, secret: str, watch: Watch) -> None:
        self._totp = pyotp.TOTP(secret)
        self._watch = watch

    def shows(self, apart: int = 0) -> str:
        return self._totp.at(self._watch.now(), counter_offset=apart)

    def wrong(self) -> str:
        """Return a code that it does not show at about this time."""
        near = {self.shows(apart) for apart in range(-2, 3)}
        return next(c for c in (f"{n:06}" for n in range(9)) if c not in near)


async def enrolled(doors: Doors, who: Person) -> tuple[Phone, list[str]]:
    """Have somebody's account protected; return the phone and the recovery codes."""
    begun = await doors.ask(who, "POST", TOTP)
    assert begun.status_code == 201, begun.text
    phone = Phone(begun.json()["secret"], doors.watch)
    sent = {"totp": phone.shows()}
    confirmed = await doors.ask(who, "POST", f"{TOTP}/confirm", sent)
    assert confirmed.status_code == 200, confirmed.text
    doors.watch.turn(seconds=30)
    return phone, confirmed.json()["recovery_codes"]


async def login(doors: Doors, who: Person, address: int = 1, **more: Any) -> Any:
    sent = {"email": who.user.email, "password": GOOD, **more}
    client = (f"198.51.{address}.1", 1)
    return await doors.ask(None, "POST", "/api/v1/auth/login", sent, client=client)


async def test_who_has_an_authenticator_logs_in_with_both(
    doors: Doors, ada: Person
) -> None:
    phone, codes = await enrolled(doors, ada)

    without = await login(doors, ada)
    wrong = await login(doors, ada, totp=phone.wrong())
    wrong_password = await login(doors, ada, password=OTHER, totp=phone.shows())
    right = await login(doors, ada, totp=phone.shows())
    me = await doors.identity.authenticate(right.json()["access_token"])

    assert (without.status_code, without.json()["code"]) == (
        401,
        "second_factor_required",
    )
    assert (wrong.status_code, wrong.json()["code"]) == (401, "unauthenticated")
    assert wrong_password.json()["code"] == "unauthenticated"
    assert me.amr == ("pwd", "otp")
    assert len(set(codes)) == 10


async def test_nobody_learns_of_an_authenticator_without_the_password(
    doors: Doors, ada: Person
) -> None:
    await enrolled(doors, ada)

    answers = [
        (await login(doors, ada, password=OTHER)).json(),
        (await login(doors, ada, email="no@x.example")).json(),
    ]

    assert [a["code"] for a in answers] == ["unauthenticated"] * 2
    assert answers[0]["detail"] == answers[1]["detail"]


async def test_a_code_is_taken_once_and_none_that_is_older(
    doors: Doors, ada: Person
) -> None:
    phone, _ = await enrolled(doors, ada)
    older, now = phone.shows(-1), phone.shows()

    answers = [
        (await login(doors, ada, totp=code)).status_code for code in (now, now, older)
    ]
    early = await login(doors, ada, totp=phone.shows(1))
    too_early = await login(doors, ada, address=2, totp=phone.shows(3))

    assert answers == [200, 401, 401]
    assert (early.status_code, too_early.status_code) == (200, 401)


async def test_the_code_that_confirmed_opens_nothing(doors: Doors, ada: Person) -> None:
    begun = (await doors.ask(ada, "POST", TOTP)).json()
    shown = Phone(begun["secret"], doors.watch).shows()
    await doors.ask(ada, "POST", f"{TOTP}/confirm", {"totp": shown})

    assert (await login(doors, ada, totp=shown)).status_code == 401


async def test_what_was_not_confirmed_protects_nothing(
    doors: Doors, ada: Person
) -> None:
    begun = (await doors.ask(ada, "POST", TOTP)).json()
    phone = Phone(begun["secret"], doors.watch)
    refused = await doors.ask(ada, "POST", f"{TOTP}/confirm", {"totp": phone.wrong()})
    state = (await doors.ask(ada, "GET", TOTP)).json()

    assert begun["uri"].startswith("otpauth://totp/zg.example:")
    assert refused.status_code == 401
    assert state == {"confirmed_at": None, "recovery_codes": 0}
    assert (await login(doors, ada)).status_code == 200
    assert (await doors.ask(ada, "POST", TOTP)).json()["secret"] != begun["secret"]


async def test_a_recovery_code_stands_in_once_however_it_is_typed(
    doors: Doors, ada: Person
) -> None:
    _, codes = await enrolled(doors, ada)
    typed = codes[0].upper().replace("-", " ")

    first = await login(doors, ada, totp=typed)
    second = await login(doors, ada, totp=codes[0])
    state = (await doors.ask(ada, "GET", TOTP)).json()

    assert (first.status_code, second.status_code) == (200, 401)
    assert state["recovery_codes"] == 9


async def test_new_recovery_codes_void_the_old_ones(doors: Doors, ada: Person) -> None:
    phone, old = await enrolled(doors, ada)

    path = f"{TOTP}/recovery-codes"
    answer = await doors.ask(ada, "POST", path, {"totp": phone.shows()})
    new = answer.json()["recovery_codes"]

    assert not set(old) & set(new)
    assert (await login(doors, ada, totp=old[0])).status_code == 401
    assert (await login(doors, ada, totp=new[0])).status_code == 200


async def test_whoever_guesses_ten_times_waits_and_then_the_owner_gets_in(
    doors: Doors, ada: Person, watch: Watch
) -> None:
    phone, codes = await enrolled(doors, ada)
    for number in range(10):
        await login(doors, ada, address=number, totp=phone.wrong())

    locked = await login(doors, ada, address=99, totp=phone.shows())
    locked_too = await login(doors, ada, address=98, totp=codes[0])
    watch.turn(minutes=16)
    after = await login(doors, ada, address=97, totp=phone.shows())

    assert (locked.status_code, locked_too.status_code) == (401, 401)
    assert after.status_code == 200


async def test_setting_one_up_takes_a_fresh_login_and_ends_the_other_sessions(
    doors: Doors, ada: Person, identity: Identity, watch: Watch
) -> None:
    other = await identity.logins.login(ada.user.email, GOOD)
    watch.turn(minutes=6)
    stale = await doors.ask(ada, "POST", TOTP)
    fresh = await logged_in(identity, ada.user, ada.principal.tid, GOOD)
    await enrolled(doors, fresh)

    assert (stale.status_code, stale.json()["code"]) == (401, "unauthenticated")
    assert (await doors.ask(fresh, "GET", TOTP)).status_code == 200
    assert (await doors.ask(other.access_token, "GET", TOTP)).status_code == 401
    assert (await doors.ask(fresh, "POST", TOTP)).status_code == 409


async def test_who_proves_anew_goes_on_in_the_same_session(
    doors: Doors, ada: Person, watch: Watch
) -> None:
    phone, _ = await enrolled(doors, ada)
    watch.turn(minutes=6)
    said = {"password": GOOD}

    stale = await doors.ask(ada, "POST", TOTP)
    half = await doors.ask(ada, "POST", "/api/v1/auth/step-up", said)
    wrong = await doors.ask(
        ada, "POST", "/api/v1/auth/step-up", {"password": OTHER, "totp": phone.shows()}
    )
    both = {**said, "totp": phone.shows()}
    proved = (await doors.ask(ada, "POST", "/api/v1/auth/step-up", both)).json()
    who = await doors.identity.authenticate(proved["access_token"])
    used = {"refresh_token": ada.tokens.refresh_token}
    replayed = await doors.ask(None, "POST", "/api/v1/auth/refresh", used)

    assert (stale.status_code, wrong.status_code) == (401, 401)
    assert half.json()["code"] == "second_factor_required"
    assert who.session_id == ada.principal.session_id
    assert who.proved_within(60, watch.now())
    assert replayed.status_code == 401, "the copy of a token ends the session"
    after = await doors.ask(proved["access_token"], "GET", TOTP)
    assert after.status_code == 401


async def test_a_short_password_takes_a_second_factor(
    doors: Doors, ada: Person
) -> None:
    short = "qx7!vw-k"
    path = "/api/v1/auth/password/change"
    said = {"current_password": GOOD, "new_password": short}
    alone = await doors.ask(ada, "POST", path, said)
    phone, _ = await enrolled(doors, ada)
    beside = await doors.ask(ada, "POST", path, said)
    token = beside.json()["access_token"]
    kept = await doors.ask(token, "POST", f"{TOTP}/remove", {"totp": phone.shows()})
    long = {"current_password": short, "new_password": OTHER}
    token = (await doors.ask(token, "POST", path, long)).json()["access_token"]
    shown, elsewhere = {"totp": phone.shows()}, ("198.51.9.1", 1)
    gone = await doors.ask(token, "POST", f"{TOTP}/remove", shown, client=elsewhere)

    assert (alone.status_code, beside.status_code) == (422, 200)
    assert (kept.status_code, gone.status_code) == (409, 204)
    assert (await login(doors, ada, password=OTHER)).status_code == 200


async def test_an_administrator_lets_somebody_in_who_lost_their_phone(
    doors: Doors, ada: Person, owner: Person, stranger: Person
) -> None:
    await enrolled(doors, ada)
    path = f"/api/v1/admin/users/{ada.user.id}/totp"

    by_herself = await doors.ask(ada, "DELETE", path)
    by_a_stranger = await doors.ask(stranger, "DELETE", path)
    by_the_owner = await doors.ask(owner, "DELETE", path)
    again = await doors.ask(owner, "DELETE", path)

    assert (by_herself.status_code, by_a_stranger.status_code) == (403, 404)
    assert (by_the_owner.status_code, again.status_code) == (204, 204)
    assert (await doors.ask(ada, "GET", TOTP)).status_code == 401
    assert (await login(doors, ada)).status_code == 200


async def test_a_short_password_goes_with_the_factor_that_it_took(
    doors: Doors, ada: Person, owner: Person
) -> None:
    await enrolled(doors, ada)
    said = {"current_password": GOOD, "new_password": "qx7!vw-k"}
    await doors.ask(ada, "POST", "/api/v1/auth/password/change", said)

    path = f"/api/v1/admin/users/{ada.user.id}"
    await doors.ask(owner, "DELETE", f"{path}/totp")
    user = (await doors.ask(owner, "GET", path)).json()

    assert not user["has_password"]
    assert (await login(doors, ada, password="qx7!vw-k")).status_code == 401


async def test_a_key_has_no_second_factor(doors: Doors, ada: Person) -> None:
    keys = doors.identity.api_keys(ada.principal.tid)
    key = (await keys.create(ada.principal, "ci", ["jobs:read"])).secret

    for method, path in (("GET", TOTP), ("POST", TOTP)):
        assert (await doors.ask(key, method, path)).status_code == 403


async def test_what_is_kept_of_a_secret_opens_nothing_elsewhere(
    doors: Doors, ada: Person, owner: Person, identity: Identity
) -> None:
    begun = (await doors.ask(ada, "POST", TOTP)).json()
    table = tables.second_factors
    sealed = await doors.database.read(
        lambda c: c.scalar(select(table.c.sealed).where(table.c.user_id == ada.user.id))
    )

    assert begun["secret"] not in sealed
    # A row that was copied to another account is none there.
    await doors.ask(owner, "POST", TOTP)
    await doors.database.write(
        lambda c: c.execute(
            table.update().where(table.c.user_id == owner.user.id).values(sealed=sealed)
        )
    )
    phone = Phone(begun["secret"], doors.watch)
    sent = {"totp": phone.shows()}
    answer = await doors.ask(owner, "POST", f"{TOTP}/confirm", sent)
    assert answer.status_code == 503


async def test_the_same_code_at_once_lets_one_in(doors: Doors, ada: Person) -> None:
    phone, _ = await enrolled(doors, ada)
    code, came = phone.shows(), []

    async def one() -> None:
        try:
            await doors.identity.logins.login(ada.user.email, GOOD, totp=code)
            came.append(True)
        except UnauthenticatedError:
            came.append(False)

    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(one)

    assert sorted(came) == [False] * 7 + [True]
