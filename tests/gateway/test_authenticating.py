"""Who asks is remembered for seconds, and forgotten when it matters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from gateway.people import Person, host_owner, person
from gateway.watches import Watch
from sqlalchemy import Connection

from zg_plugins_builtin.gateway.database import Database
from zg_plugins_builtin.gateway.errors import (
    InsufficientScopeError,
    UnauthenticatedError,
)
from zg_plugins_builtin.gateway.identity import Identity, Passwords, tables

pytestmark = pytest.mark.anyio
T = TypeVar("T")


class Counted(Database):
    """Counts what is asked of another database."""

    def __init__(self, database: Database) -> None:
        super().__init__(database._backend)
        self.reads = 0

    async def glance(self, function: Callable[[Connection], T]) -> T:
        self.reads += 1
        return await super().glance(function)


@pytest.fixture
async def owner(identity: Identity) -> Person:
    return await host_owner(identity)


@pytest.fixture
def counted(database: Database) -> Counted:
    return Counted(database)


@pytest.fixture
async def elsewhere(
    counted: Counted, owner: Person, tmp_path: Path, watch: Watch, passwords: Passwords
) -> Identity:
    """Another process of the same service."""
    return await Identity.open(
        counted,
        tmp_path / "keys",
        issuer="https://zg.example",
        audience="https://zg.example/api",
        clock=watch,
        passwords=passwords,
    )


@pytest.mark.parametrize("kind", ["token", "key"])
async def test_it_is_looked_up_once_in_five_seconds(
    identity: Identity,
    elsewhere: Identity,
    counted: Counted,
    owner: Person,
    watch: Watch,
    kind: str,
) -> None:
    credential = await _credential(identity, owner, kind)
    for _ in range(10):
        await elsewhere.authenticate(credential)
        watch.turn(seconds=0.4)
    assert counted.reads == 1

    watch.turn(seconds=1)
    await elsewhere.authenticate(credential)

    assert counted.reads == 2


@pytest.mark.parametrize("kind", ["token", "key"])
async def test_what_is_revoked_in_one_process_is_known_in_another_in_five_seconds(
    identity: Identity, elsewhere: Identity, owner: Person, watch: Watch, kind: str
) -> None:
    ada = await person(identity, owner.principal, "member", "ada")
    credential = await _credential(identity, ada, kind)
    await elsewhere.authenticate(credential)
    await identity.users(ada.principal.tid).disable(owner.principal, ada.user.id)

    with pytest.raises(UnauthenticatedError):
        await identity.authenticate(credential)
    watch.turn(seconds=5)
    with pytest.raises(UnauthenticatedError):
        await elsewhere.authenticate(credential)


@pytest.mark.parametrize("kind", ["token", "key"])
async def test_a_bad_refresh_token_has_nobody_looked_up_anew(
    elsewhere: Identity, counted: Counted, owner: Person, kind: str
) -> None:
    credential = await _credential(elsewhere, owner, kind)
    gone = await person(elsewhere, owner.principal, "member", "gone")
    await elsewhere.logins.logout(gone.principal)
    await elsewhere.authenticate(credential)
    reads = counted.reads

    for bad in ("zgr_unknown", "", gone.tokens.refresh_token):
        with pytest.raises(UnauthenticatedError):
            await elsewhere.logins.refresh(bad)
    await elsewhere.authenticate(credential)

    assert counted.reads == reads


async def test_who_copied_a_refresh_token_is_nobody_at_once(
    elsewhere: Identity, owner: Person
) -> None:
    ada = await person(elsewhere, owner.principal, "member", "ada")
    tokens = await elsewhere.logins.refresh(ada.tokens.refresh_token)
    await elsewhere.authenticate(tokens.access_token)

    with pytest.raises(UnauthenticatedError):
        await elsewhere.logins.refresh(ada.tokens.refresh_token)

    with pytest.raises(UnauthenticatedError):
        await elsewhere.authenticate(tokens.access_token)


async def test_a_scope_that_was_taken_away_is_gone_though_the_token_names_it(
    identity: Identity, owner: Person, database: Database
) -> None:
    who = owner.principal
    token = identity.tokens.issue(
        sub=who.sub,
        tid=who.tid,
        sid=str(who.session_id),
        scopes=["jobs:read", "scope:of-an-older-version"],
        amr=["pwd"],
        auth_time=who.auth_time or who.expires_at,
    )

    now = await identity.authenticate(token)

    assert now.scopes == {"jobs:read"}
    with pytest.raises(InsufficientScopeError) as caught:
        now.require("jobs:write")
    assert caught.value.scope == "jobs:write"


async def test_who_was_disabled_in_the_database_itself_is_nobody(
    identity: Identity, owner: Person, database: Database, watch: Watch
) -> None:
    await identity.authenticate(owner.tokens.access_token)
    disable = tables.users.update().values(disabled_at=watch.now())
    await database.write(lambda c: c.execute(disable))
    watch.turn(seconds=5)

    with pytest.raises(UnauthenticatedError):
        await identity.authenticate(owner.tokens.access_token)


async def test_a_refreshed_token_says_when_somebody_proved_who_they_are(
    identity: Identity, owner: Person, watch: Watch
) -> None:
    began = watch.now()
    watch.turn(minutes=4)
    tokens = await identity.logins.refresh(owner.tokens.refresh_token)
    who = await identity.authenticate(tokens.access_token)

    assert who.auth_time == began
    assert who.proved_within(300, watch.now())
    assert not who.proved_within(200, watch.now())


async def _credential(identity: Identity, of: Person, kind: str) -> str:
    if kind == "token":
        return of.tokens.access_token
    made = await identity.api_keys(of.principal.tid).create(
        of.principal, "ci", ["jobs:read"]
    )
    return made.secret
