"""Users, their roles, and who may change them.

One file, since who may do what to whom is one table.
"""

from __future__ import annotations

import anyio
import pytest
from gateway.people import GOOD, Person, host_owner, person, tenant_of
from gateway.watches import Watch
from hypothesis import given
from hypothesis import strategies as st

from zg_plugins_builtin.gateway.errors import (
    ConflictError,
    ForbiddenError,
    GatewayError,
    InsufficientScopeError,
    InvalidRequestError,
    NotFoundError,
    UnauthenticatedError,
)
from zg_plugins_builtin.gateway.identity import (
    HOST_SCOPES,
    ROLES,
    SCOPES,
    Identity,
    Principal,
)
from zg_plugins_builtin.gateway.identity.scopes import scopes_of

pytestmark = pytest.mark.anyio
several = st.lists(st.sampled_from(sorted(ROLES)))


@given(several, several, st.booleans())
def test_another_role_takes_nothing_away(
    some: list[str], others: list[str], host: bool
) -> None:
    alone, together = scopes_of(some, host=host), scopes_of(some + others, host=host)

    assert alone <= together <= SCOPES
    assert together == scopes_of(others + some + ["of-a-newer-version"], host=host)
    assert host or not together & HOST_SCOPES


@pytest.fixture
async def owner(identity: Identity) -> Person:
    return await host_owner(identity)


async def test_the_first_start_makes_one_owner_and_says_so_once(
    identity: Identity,
) -> None:
    first = await identity.bootstrap("Me@Host.example")
    again = await identity.bootstrap("me@host.example")

    assert first is not None
    assert again is None
    assert (first.kind, first.email) == ("password", "me@host.example")
    tokens = await identity.logins.login("me@host.example", first.secret)
    who = await identity.authenticate(tokens.access_token)
    assert who.scopes == SCOPES
    assert first.secret not in repr(first)


async def test_the_first_start_makes_a_key_where_nobody_is_named(
    identity: Identity,
) -> None:
    first = await identity.bootstrap()

    assert first is not None
    who = await identity.authenticate(first.secret)
    assert (first.kind, who.kind, who.scopes) == ("key", "key", SCOPES)


async def test_of_several_first_starts_one_makes_the_owner(identity: Identity) -> None:
    made = []

    async def start() -> None:
        made.append(await identity.bootstrap())

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(start)

    assert len([first for first in made if first]) == 1


async def test_a_user_is_found_again(identity: Identity, owner: Person) -> None:
    users = identity.users(owner.principal.tid)
    ada = await users.create(
        owner.principal, "Ada@X.example", ["member", "viewer"], name=" Ada "
    )

    assert await users.get(ada.id) == ada
    assert await users.find(" ADA@x.example") == ada
    assert (ada.email, ada.name, ada.roles) == (
        "ada@x.example",
        "Ada",
        ("member", "viewer"),
    )
    assert not ada.has_password
    assert await users.list() == [owner.user, ada]
    assert await users.list(after=owner.user.id, limit=1) == [ada]


NO_USERS: list[tuple[str, list[str], str, str | None, str]] = [
    ("no address", ["member"], "", None, "/email"),
    ("a@b@c", ["member"], "", None, "/email"),
    ("a@b\n.example", ["member"], "", None, "/email"),
    (f"{'x' * 300}@b.example", ["member"], "", None, "/email"),
    ("\ud800@b.example", ["member"], "", None, "/email"),
    ("a@b.example", [], "", None, "/roles"),
    ("a@b.example", ["root"], "", None, "/roles"),
    ("a@b.example", ["member"], "\x1b[2J", None, "/name"),
    ("a@b.example", ["member"], "\ud800", None, "/name"),
    ("a@b.example", ["member"], "n" * 101, None, "/name"),
    ("a@b.example", ["member"], "", "short", "/password"),
    ("ada.byron@b.example", ["member"], "", "ada-byron-1815-1852", "/password"),
]


async def test_what_cannot_be_a_user_is_refused(
    identity: Identity, owner: Person
) -> None:
    users = identity.users(owner.principal.tid)

    for email, roles, name, password, where in NO_USERS:
        with pytest.raises(InvalidRequestError) as caught:
            await users.create(
                owner.principal, email, roles, name=name, password=password
            )
        assert [fault.pointer for fault in caught.value.faults] == [where]
    assert await users.list() == [owner.user]


async def test_an_address_is_one_user_s_everywhere(
    identity: Identity, owner: Person
) -> None:
    other = await tenant_of(identity, owner.principal, "acme")

    with pytest.raises(ConflictError):
        await identity.users(other.principal.tid).create(
            other.principal, owner.user.email.upper(), ["member"]
        )


async def test_other_roles_are_had_from_now_on_and_end_every_session(
    identity: Identity, owner: Person
) -> None:
    ada = await person(identity, owner.principal, "member", "ada")
    users = identity.users(owner.principal.tid)

    await users.set_roles(owner.principal, ada.user.id, ["viewer"])

    with pytest.raises(UnauthenticatedError):
        await identity.authenticate(ada.tokens.access_token)
    tokens = await identity.logins.login(ada.user.email, GOOD)
    who = await identity.authenticate(tokens.access_token)
    assert who.scopes == ROLES["viewer"]


async def test_who_is_disabled_can_do_nothing_until_enabled(
    identity: Identity, owner: Person, watch: Watch
) -> None:
    ada = await person(identity, owner.principal, "member", "ada")
    tid = owner.principal.tid
    key = await identity.api_keys(tid).create(ada.principal, "ci", ["jobs:read"])
    gone = await identity.users(tid).disable(owner.principal, ada.user.id)

    assert gone.disabled_at == watch.now()
    for credential in (ada.tokens.access_token, key.secret):
        with pytest.raises(UnauthenticatedError):
            await identity.authenticate(credential)
    await identity.users(tid).enable(owner.principal, ada.user.id)
    assert (await identity.authenticate(key.secret)).sub == ada.user.id
    assert (await identity.logins.login(ada.user.email, GOOD)).user_id == ada.user.id


async def test_nobody_gives_or_takes_more_than_they_may_themselves(
    identity: Identity, owner: Person
) -> None:
    other = await tenant_of(identity, owner.principal, "acme")
    users = identity.users(other.principal.tid)
    admin = await person(identity, other.principal, "admin", "ada")
    who = admin.principal
    key = await identity.api_keys(who.tid).create(who, "ci", ["admin:users"])
    weak = await identity.authenticate(key.secret)
    root = await person(identity, owner.principal, "owner", "root")
    host_admin = await person(identity, owner.principal, "admin", "helper")
    host_users = identity.users(owner.principal.tid)

    for work in (
        host_users.create(host_admin.principal, "a@x.example", ["owner"]),
        host_users.set_roles(host_admin.principal, host_admin.user.id, ["owner"]),
        host_users.disable(host_admin.principal, root.user.id),
        host_users.invite(host_admin.principal, root.user.id),
        users.create(weak, "b@x.example", ["viewer"]),
        users.set_roles(weak, admin.user.id, ["viewer"]),
        users.invite(weak, admin.user.id),
    ):
        with pytest.raises(ForbiddenError):
            await work


async def test_nobody_voids_the_keys_or_sessions_of_who_may_do_more(
    identity: Identity, owner: Person
) -> None:
    tid = owner.principal.tid
    keys, sessions = identity.api_keys(tid), identity.sessions(tid)
    admin = await person(identity, owner.principal, "admin", "helper")
    ada = await person(identity, owner.principal, "member", "ada")
    root = await keys.create(owner.principal, "root", ["admin:tenants"])
    hers = await keys.create(ada.principal, "hers", ["jobs:read"])
    own = await keys.create(admin.principal, "own", ["jobs:read"])
    narrow = await keys.create(admin.principal, "x", ["admin:users", "keys:write"])
    key = await identity.authenticate(narrow.secret)

    for by in (admin.principal, key):
        for work in (
            keys.revoke(by, root.key.id),
            sessions.revoke(by, owner.tokens.session_id),
            sessions.revoke_all(by, owner.user.id),
        ):
            with pytest.raises(ForbiddenError):
                await work
    await identity.authenticate(root.secret)
    await identity.authenticate(owner.tokens.access_token)

    await keys.revoke(key, hers.key.id)  # what its owner may, it may as well
    await keys.revoke(admin.principal, own.key.id)
    await sessions.revoke(key, ada.tokens.session_id)
    assert await sessions.revoke_all(owner.principal, admin.user.id) == 1
    assert await sessions.revoke_all(owner.principal, owner.user.id) == 1


async def test_who_administers_nobody_changes_nobody(
    identity: Identity, owner: Person
) -> None:
    ada = await person(identity, owner.principal, "operator", "ada")
    tid, who = ada.principal.tid, ada.principal
    users = identity.users(tid)

    for work in (
        users.create(who, "a@x.example", ["viewer"]),
        users.set_roles(who, who.sub, ["owner"]),
        users.disable(who, owner.user.id),
        users.invite(who, owner.user.id),
        identity.sessions(tid).revoke_all(who, owner.user.id),
        identity.tenants.create(who, "new", "b@x.example"),
        identity.tenants.list(who),
        identity.tenants.disable(who, tid),
    ):
        with pytest.raises(InsufficientScopeError):
            await work


async def test_a_tenant_keeps_an_owner(identity: Identity, owner: Person) -> None:
    users, who = identity.users(owner.principal.tid), owner.principal
    for work in (
        users.disable(who, owner.user.id),
        users.set_roles(who, owner.user.id, ["admin", "member"]),
    ):
        with pytest.raises(ConflictError):
            await work
    second = await person(identity, who, "owner", "second")
    done: list[str] = []

    async def disable(by: Principal, user_id: str) -> None:
        try:
            await users.disable(by, user_id)
        except ConflictError:
            return
        done.append(user_id)

    async with anyio.create_task_group() as group:
        group.start_soon(disable, second.principal, owner.user.id)
        group.start_soon(disable, who, second.user.id)

    assert len(done) == 1


async def test_nothing_of_another_tenant_is_there(
    identity: Identity, owner: Person
) -> None:
    acme = await tenant_of(identity, owner.principal, "acme")
    ada = await person(identity, owner.principal, "member", "ada")
    key = await identity.api_keys(ada.principal.tid).create(
        ada.principal, "ci", ["jobs:read"]
    )
    by, tid = acme.principal, acme.principal.tid
    users, keys, sessions = (
        identity.users(tid),
        identity.api_keys(tid),
        identity.sessions(tid),
    )

    for work in (
        users.get(ada.user.id),
        users.set_roles(by, ada.user.id, ["viewer"]),
        users.disable(by, ada.user.id),
        users.enable(by, ada.user.id),
        users.invite(by, ada.user.id),
        keys.get(by, key.key.id),
        keys.revoke(by, key.key.id),
        keys.rotate(by, key.key.id),
        keys.create(by, "theirs", ["jobs:read"], owner=ada.user.id),
        sessions.revoke(by, ada.tokens.session_id),
    ):
        with pytest.raises(NotFoundError) as caught:
            await work
        assert type(caught.value) is NotFoundError
    assert await sessions.revoke_all(by, ada.user.id) == 0
    assert await users.list() == [acme.user]
    assert await keys.list() == []
    assert await sessions.list(ada.user.id) == []
    told = await identity.audit(tid).list(limit=100)
    assert {entry.actor for entry in told} == {owner.user.id, acme.user.id}
    assert (await identity.authenticate(key.secret)).sub == ada.user.id


async def test_a_tenant_that_is_disabled_is_disabled_whole(
    identity: Identity, owner: Person, watch: Watch
) -> None:
    acme = await tenant_of(identity, owner.principal, "acme")
    tid = acme.principal.tid
    key = await identity.api_keys(tid).create(acme.principal, "ci", ["jobs:read"])
    await identity.tenants.disable(owner.principal, tid)

    for credential in (acme.tokens.access_token, key.secret):
        with pytest.raises(UnauthenticatedError):
            await identity.authenticate(credential)
    with pytest.raises(UnauthenticatedError):
        await identity.logins.login(acme.user.email, GOOD)
    with pytest.raises(ConflictError):
        await identity.tenants.disable(owner.principal, owner.principal.tid)
    await identity.tenants.enable(owner.principal, tid)
    assert (await identity.authenticate(key.secret)).tid == tid
    names = [t.name for t in await identity.tenants.list(owner.principal)]
    assert names == ["host", "acme"]
    with pytest.raises(ConflictError):
        await identity.tenants.create(owner.principal, "acme", "new@acme.example")
    with pytest.raises(InvalidRequestError):
        await identity.tenants.create(owner.principal, " ", "new@acme.example")
    assert (await identity.tenants.find(owner.principal, "acme")).id == tid
    with pytest.raises(NotFoundError):
        await identity.tenants.find(owner.principal, "nobody")
    with pytest.raises(NotFoundError):
        await identity.users(tid).find(owner.user.email)


async def test_who_sits_at_the_machine_may_do_everything_from_there(
    identity: Identity, owner: Person
) -> None:
    by = Principal.operator(owner.principal.tid)
    robot = await identity.users(by.tid).create(by, "robot@x.example", ["owner"])
    made = await identity.api_keys(by.tid).create(by, "ci", SCOPES, owner=robot.id)

    assert (await identity.authenticate(made.secret)).scopes == SCOPES
    (latest, *_) = await identity.audit(by.tid).list(limit=1)
    assert latest.actor == "operator"


async def test_only_the_host_s_owner_sees_all_tenants(
    identity: Identity, owner: Person
) -> None:
    acme = await tenant_of(identity, owner.principal, "acme")

    assert acme.principal.roles == ("owner",)
    assert not acme.principal.scopes & HOST_SCOPES
    with pytest.raises(InsufficientScopeError):
        await identity.tenants.get(acme.principal, acme.principal.tid)


async def test_what_changes_is_in_the_audit_and_what_fails_is_not(
    identity: Identity, owner: Person
) -> None:
    audit = identity.audit(owner.principal.tid)
    ada = await person(identity, owner.principal, "member", "ada")
    before = await audit.list()
    for work in (
        identity.users(owner.principal.tid).create(
            owner.principal, ada.user.email, ["member"]
        ),
        identity.users(owner.principal.tid).disable(owner.principal, owner.user.id),
    ):
        with pytest.raises(GatewayError):
            await work
    assert await audit.list() == before

    await identity.users(owner.principal.tid).disable(owner.principal, ada.user.id)

    (latest, *_) = await audit.list(limit=1)
    assert (latest.actor, latest.action, latest.target) == (
        owner.user.id,
        "user.disabled",
        ada.user.id,
    )
    everything = await audit.list(limit=100)
    assert [e.id for e in everything] == sorted(
        (e.id for e in everything), reverse=True
    )
    assert await audit.list(before=everything[-2].id) == everything[-1:]
    assert everything[-1].action == "tenant.created"


async def test_a_service_account_is_no_person(
    identity: Identity, owner: Person
) -> None:
    tid = owner.principal.tid
    robot = await identity.users(tid).create(
        owner.principal, "robot@x.example", ["service"]
    )
    key = await identity.api_keys(tid).create(
        owner.principal, "robot", ["jobs:write"], owner=robot.id
    )

    who = await identity.authenticate(key.secret)

    assert (who.kind, who.sub, who.auth_time) == ("service", robot.id, None)
    assert who.actor == key.key.id
