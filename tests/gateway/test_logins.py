"""Logging in, staying logged in, and being logged out."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import anyio
import pytest
from gateway.people import GOOD, OTHER, Person, host_owner, person
from gateway.watches import Watch
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import func, select

from zg_plugins_builtin.gateway.database import Database
from zg_plugins_builtin.gateway.errors import (
    InvalidRequestError,
    NotFoundError,
    UnauthenticatedError,
)
from zg_plugins_builtin.gateway.identity import Identity, Passwords, tables

pytestmark = pytest.mark.anyio


@pytest.fixture
async def owner(identity: Identity) -> Person:
    return await host_owner(identity)


@pytest.fixture
async def member(identity: Identity, owner: Person) -> Person:
    return await person(identity, owner.principal, "member", "ada")


async def refused(work: Awaitable[object]) -> str:
    with pytest.raises(UnauthenticatedError) as caught:
        await work
    return f"{type(caught.value).__name__} {caught.value} {caught.value.details}"


async def test_who_logs_in_is_known_by_the_token(
    identity: Identity, member: Person
) -> None:
    who = member.principal

    assert (who.kind, who.sub, who.roles) == ("user", member.user.id, ("member",))
    assert who.amr == ("pwd",)
    assert who.session_id == member.tokens.session_id
    assert who.has("jobs:write")
    assert not who.has("admin:users")
    assert member.tokens.expires_in == 600


async def test_nobody_learns_what_of_a_login_was_wrong(
    identity: Identity, owner: Person, member: Person
) -> None:
    login, email = identity.logins.login, member.user.email
    gone = await person(identity, owner.principal, "member", "gone")
    await identity.users(owner.principal.tid).disable(owner.principal, gone.user.id)
    invited = await identity.users(owner.principal.tid).create(
        owner.principal, "invited@x.example", ["member"]
    )

    said = {
        await refused(login("nobody@x.example", GOOD)),
        await refused(login(email, "not the password")),
        await refused(login(email, "")),
        await refused(login(gone.user.email, GOOD)),
        await refused(login(invited.email, "")),
        await refused(login("no address", GOOD)),
        await refused(login("\ud800@x.example", "\ud800")),
        await refused(login("' OR 1=1 --@x.example", GOOD)),
    }

    assert len(said) == 1


@pytest.mark.parametrize("form", [str.upper, "  {} ".format, str.title])
async def test_an_address_is_the_same_however_it_is_written(
    identity: Identity, member: Person, form: Callable[[str], str]
) -> None:
    tokens = await identity.logins.login(form(member.user.email), GOOD)

    assert tokens.user_id == member.user.id


async def test_a_refresh_token_works_once(identity: Identity, member: Person) -> None:
    second = await identity.logins.refresh(member.tokens.refresh_token)
    third = await identity.logins.refresh(second.refresh_token)

    assert third.session_id == member.tokens.session_id
    assert len({member.tokens.refresh_token, second.refresh_token}) == 2
    assert (await identity.authenticate(third.access_token)).sub == member.user.id


async def test_a_refresh_token_that_comes_twice_ends_the_session(
    identity: Identity, owner: Person, member: Person
) -> None:
    other = await identity.logins.login(member.user.email, GOOD)
    second = await identity.logins.refresh(member.tokens.refresh_token)

    again = await refused(identity.logins.refresh(member.tokens.refresh_token))

    assert again == await refused(identity.logins.refresh(second.refresh_token))
    assert again == await refused(identity.logins.refresh("zgr_unknown"))
    await refused(identity.authenticate(second.access_token))
    assert (await identity.authenticate(other.access_token)).sub == member.user.id
    told = await identity.audit(owner.principal.tid).list()
    assert "session.reuse_detected" in [entry.action for entry in told]


async def test_of_many_who_refresh_with_one_token_one_wins(
    identity: Identity, member: Person
) -> None:
    won, lost = [], []

    async def refresh() -> None:
        try:
            won.append(await identity.logins.refresh(member.tokens.refresh_token))
        except UnauthenticatedError as error:
            lost.append(error)

    async with anyio.create_task_group() as group:
        for _ in range(100):
            group.start_soon(refresh)

    assert (len(won), len(lost)) == (1, 99)
    await refused(identity.logins.refresh(won[0].refresh_token))


async def test_a_session_ends_after_30_days_however_often_it_was_refreshed(
    identity: Identity, member: Person, watch: Watch
) -> None:
    tokens = member.tokens
    for _ in range(29):
        watch.turn(days=1)
        tokens = await identity.logins.refresh(tokens.refresh_token)
    watch.turn(days=1)

    await refused(identity.logins.refresh(tokens.refresh_token))


async def test_who_logs_out_is_out(identity: Identity, member: Person) -> None:
    other = await identity.logins.login(member.user.email, GOOD)
    await identity.logins.logout(member.principal)

    await refused(identity.authenticate(member.tokens.access_token))
    await refused(identity.logins.refresh(member.tokens.refresh_token))
    assert (await identity.authenticate(other.access_token)).sub == member.user.id


async def test_another_password_ends_every_session_but_the_new_one(
    identity: Identity, member: Person
) -> None:
    logins, who = identity.logins, member.principal
    other = await logins.login(member.user.email, GOOD)
    await refused(logins.change_password(who, "not the password", OTHER))
    with pytest.raises(InvalidRequestError):
        await logins.change_password(who, GOOD, "short")
    tokens = await logins.change_password(who, GOOD, OTHER)

    for old in (member.tokens, other):
        await refused(identity.authenticate(old.access_token))
        await refused(logins.refresh(old.refresh_token))
    await refused(logins.login(member.user.email, GOOD))
    assert (await identity.authenticate(tokens.access_token)).sub == member.user.id
    assert (await logins.login(member.user.email, OTHER)).user_id == member.user.id


async def test_a_ticket_sets_a_password_once(
    identity: Identity, owner: Person, member: Person, watch: Watch
) -> None:
    users, logins = identity.users(owner.principal.tid), identity.logins
    void = await users.invite(owner.principal, member.user.id)
    ticket = await users.invite(owner.principal, member.user.id)
    await refused(logins.redeem(void.secret, OTHER))
    with pytest.raises(InvalidRequestError):
        await logins.redeem(ticket.secret, "ada ada ada ada ada")
    assert await logins.redeem(ticket.secret, OTHER) == member.user.id
    late = await users.invite(owner.principal, member.user.id)
    watch.turn(days=3)

    await refused(logins.redeem(ticket.secret, GOOD))
    await refused(logins.redeem(late.secret, GOOD))
    await refused(identity.authenticate(member.tokens.access_token))
    assert (await logins.login(member.user.email, OTHER)).user_id == member.user.id


async def test_sessions_are_shown_to_whom_they_belong_and_end_one_by_one(
    identity: Identity, owner: Person, member: Person
) -> None:
    sessions, who = identity.sessions(owner.principal.tid), member.principal
    other = await identity.logins.login(
        member.user.email, GOOD, client="curl/8\x1b[2J", address="192.0.2.7"
    )
    shown = await sessions.list(member.user.id)
    assert {s.id for s in shown} == {other.session_id, member.tokens.session_id}
    assert {(s.client, s.address) for s in shown} == {
        ("", ""),
        ("curl/8[2J", "192.0.2.7"),
    }
    with pytest.raises(NotFoundError):
        await sessions.revoke(who, owner.tokens.session_id)

    await sessions.revoke(who, other.session_id)

    await refused(identity.authenticate(other.access_token))
    assert [s.id for s in await sessions.list(member.user.id)] == [who.session_id]
    with pytest.raises(NotFoundError):
        await sessions.revoke(who, other.session_id)
    assert await sessions.revoke_all(owner.principal, member.user.id) == 1
    await refused(identity.authenticate(member.tokens.access_token))


async def test_a_hash_of_other_parameters_is_made_anew_at_the_next_login(
    identity: Identity, database: Database, member: Person, passwords: Passwords
) -> None:
    async def stored() -> str | None:
        column = tables.users.c.password_hash
        query = select(column).where(tables.users.c.id == member.user.id)
        return await database.read(lambda c: c.scalar(query))

    old = Argon2Hasher(memory_cost=16, time_cost=2, parallelism=1).hash(GOOD)
    change = tables.users.update().where(tables.users.c.id == member.user.id)
    await database.write(lambda c: c.execute(change.values(password_hash=old)))

    await identity.logins.login(member.user.email, GOOD)

    assert passwords.outdated(old)
    assert not passwords.outdated(await stored() or "")
    await identity.logins.login(member.user.email, GOOD)


async def test_what_is_long_over_is_deleted(
    identity: Identity, database: Database, member: Person, watch: Watch
) -> None:
    watch.turn(days=61)
    kept = await identity.logins.login(member.user.email, GOOD)
    await identity.maintain()

    async def count(table: str) -> int | None:
        query = select(func.count()).select_from(tables.metadata.tables[table])
        return await database.read(lambda c: c.scalar(query))

    assert [await count("sessions"), await count("refresh_tokens")] == [1, 1]
    assert (await identity.logins.refresh(kept.refresh_token)).user_id == member.user.id


async def test_no_secret_is_in_a_repr_an_error_or_the_log(
    identity: Identity, owner: Person, member: Person, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    ticket = await identity.users(owner.principal.tid).invite(
        owner.principal, member.user.id
    )
    key = await identity.api_keys(owner.principal.tid).create(
        owner.principal, "ci", ["jobs:read"]
    )
    first = await identity.bootstrap()
    said = [
        await refused(identity.logins.login(member.user.email, "canary password")),
        await refused(identity.authenticate("zgk_live_canary")),
        await refused(identity.logins.refresh("zgr_canary")),
        await refused(identity.logins.redeem("zgt_canary", OTHER)),
    ]
    shown = " ".join(map(repr, (identity, member, ticket, key, first, said)))
    shown += str(member.tokens) + caplog.text
    told = await identity.audit(owner.principal.tid).list(limit=100)

    for secret in (
        member.tokens.access_token,
        member.tokens.refresh_token,
        ticket.secret,
        key.secret,
        key.secret[13:],
        GOOD,
        OTHER,
        "canary",
    ):
        assert secret not in shown
        assert secret not in repr(told)
