"""API keys: shown once, and never worth more than their owner."""

from __future__ import annotations

from datetime import datetime, timedelta
from ipaddress import ip_network

import pytest
from gateway.people import Person, host_owner, person
from gateway.watches import Watch
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from zg_plugins_builtin.gateway.database import Database
from zg_plugins_builtin.gateway.errors import (
    ForbiddenError,
    InsufficientScopeError,
    InvalidRequestError,
    NotFoundError,
    UnauthenticatedError,
)
from zg_plugins_builtin.gateway.identity import ApiKeys, Identity, tables
from zg_plugins_builtin.gateway.identity.key_requests import within
from zg_plugins_builtin.gateway.identity.key_texts import new_api_key

pytestmark = pytest.mark.anyio


@pytest.fixture
async def owner(identity: Identity) -> Person:
    return await host_owner(identity)


@pytest.fixture
async def ada(identity: Identity, owner: Person) -> Person:
    return await person(identity, owner.principal, "member", "ada")


@pytest.fixture
def keys(identity: Identity, ada: Person) -> ApiKeys:
    return identity.api_keys(ada.principal.tid)


async def known(identity: Identity, secret: str, address: str | None = None) -> bool:
    try:
        await identity.authenticate(secret, address)
    except UnauthenticatedError:
        return False
    return True


async def test_a_key_stands_for_its_maker_with_its_own_scopes(
    identity: Identity, ada: Person, keys: ApiKeys, watch: Watch
) -> None:
    made = await keys.create(ada.principal, "ci", ["jobs:write", "jobs:read"])
    who = await identity.authenticate(made.secret)

    assert (who.kind, who.sub, who.tid) == ("key", ada.user.id, ada.principal.tid)
    assert who.scopes == {"jobs:read", "jobs:write"}
    assert (who.key_id, who.session_id) == (made.key.id, None)
    assert not who.proved_within(300, watch.now())
    assert made.secret.startswith("zgk_live_")
    assert made.secret.startswith(made.key.hint)


async def test_a_key_is_kept_nowhere(
    ada: Person, keys: ApiKeys, database: Database
) -> None:
    made = await keys.create(ada.principal, "ci", ["jobs:read"])
    rows = await database.read(lambda c: c.execute(select(tables.api_keys)).all())

    assert made.secret[13:] not in f"{rows} {made!r} {await keys.list()}"


async def test_a_key_may_do_no_more_than_its_maker_and_its_owner(
    identity: Identity, owner: Person, ada: Person, keys: ApiKeys
) -> None:
    weak = await keys.create(ada.principal, "ci", ["keys:write", "jobs:read"])
    weaker = await identity.authenticate(weak.secret)

    for by, scopes, of in (
        (ada.principal, ["admin:users"], None),
        (weaker, ["jobs:write"], None),
        (owner.principal, ["admin:users"], ada.user.id),
    ):
        with pytest.raises(ForbiddenError):
            await keys.create(by, "more", scopes, owner=of)
    with pytest.raises(InsufficientScopeError):
        await keys.create(ada.principal, "theirs", ["jobs:read"], owner=owner.user.id)


async def test_a_key_shrinks_with_its_owner(
    identity: Identity, owner: Person, ada: Person, keys: ApiKeys
) -> None:
    made = await keys.create(ada.principal, "ci", ["jobs:read", "jobs:write"])
    users = identity.users(ada.principal.tid)
    await users.set_roles(owner.principal, ada.user.id, ["viewer"])

    assert (await identity.authenticate(made.secret)).scopes == {"jobs:read"}


NO_KEYS: list[tuple[dict[str, object], str]] = [
    ({"name": ""}, "/name"),
    ({"name": "x" * 101}, "/name"),
    ({"name": "\x07"}, "/name"),
    ({"scopes": []}, "/scopes"),
    ({"scopes": ["jobs:*"]}, "/scopes"),
    ({"cidrs": ["192.0.2.1/24"]}, "/cidrs"),
    ({"cidrs": ["everywhere"]}, "/cidrs"),
    ({"cidrs": ["10.0.0.0/8"] * 21}, "/cidrs"),
    ({"days": 0}, "/expires_at"),
    ({"days": 367}, "/expires_at"),
    ({"expires_at": datetime(2027, 1, 1)}, "/expires_at"),
]


async def test_what_cannot_be_a_key_is_refused(
    ada: Person, keys: ApiKeys, watch: Watch
) -> None:
    for changed, where in NO_KEYS:
        asked: dict[str, object] = {"name": "ci", "scopes": ["jobs:read"]} | changed
        if (days := asked.pop("days", None)) is not None:
            asked["expires_at"] = watch.now() + timedelta(days=float(str(days)))
        with pytest.raises(InvalidRequestError) as caught:
            await keys.create(ada.principal, **asked)  # type: ignore[arg-type]
        assert [fault.pointer for fault in caught.value.faults] == [where]
    assert await keys.list() == []


async def test_a_key_is_good_until_it_expires(
    identity: Identity, ada: Person, keys: ApiKeys, watch: Watch
) -> None:
    until = watch.now() + timedelta(seconds=10)
    made = await keys.create(ada.principal, "ci", ["jobs:read"], expires_at=until)

    assert await known(identity, made.secret)
    watch.turn(seconds=9.999)
    assert await known(identity, made.secret)
    watch.turn(seconds=0.001)
    assert not await known(identity, made.secret)


async def test_no_key_makes_one_that_lives_longer(
    identity: Identity, ada: Person, keys: ApiKeys, watch: Watch
) -> None:
    until = watch.now() + timedelta(days=2)
    made = await keys.create(ada.principal, "ci", ["keys:write"], expires_at=until)
    by = await identity.authenticate(made.secret)

    child = await keys.create(by, "child", ["keys:write"])
    watch.turn(days=1)
    by = await identity.authenticate(made.secret)
    turned = await keys.rotate(by, made.key.id)

    assert child.key.expires_at == until
    assert turned.key.expires_at == until


async def test_no_key_makes_one_that_works_from_elsewhere(
    identity: Identity, ada: Person, keys: ApiKeys
) -> None:
    nets = ["192.0.2.0/24", "2001:db8::/32"]
    bound = await keys.create(ada.principal, "ci", ["keys:write"], cidrs=nets)
    by = await identity.authenticate(bound.secret, "192.0.2.1")
    other = await keys.create(ada.principal, "other", ["keys:write"])

    child = await keys.create(by, "child", ["keys:write"])
    inner = ["192.0.2.128/25", "2001:db8:1::/48"]
    narrow = await keys.create(by, "narrow", ["keys:write"], cidrs=inner)
    for wider in (["192.0.0.0/16"], ["192.0.3.0/24"], ["192.0.2.1/32", "::/0"]):
        with pytest.raises(InvalidRequestError) as caught:
            await keys.create(by, "wide", ["keys:write"], cidrs=wider)
        assert [fault.pointer for fault in caught.value.faults] == ["/cidrs"]
    with pytest.raises(ForbiddenError):
        await keys.rotate(by, other.key.id)
    turned = await keys.rotate(by, narrow.key.id)

    assert child.key.cidrs == tuple(nets)
    assert turned.key.cidrs == tuple(inner)
    assert (await keys.rotate(by, bound.key.id)).key.cidrs == tuple(nets)
    assert await known(identity, other.secret)


networks = st.builds(
    lambda address, length: str(ip_network((address, length), strict=False)),
    st.integers(0, 2**32 - 1),
    st.integers(0, 8) | st.integers(0, 32),
)
some = st.lists(networks, max_size=3).map(tuple)


@given(some, some)
def test_networks_lie_within_others_as_their_addresses_do(
    inner: tuple[str, ...], outer: tuple[str, ...]
) -> None:
    """Where each lies in a single one: what two make up together is not looked for."""
    inside, outside = ([ip_network(n) for n in some] for some in (inner, outer))

    one = all(any(n.subnet_of(o) for o in outside) for n in inside)  # type: ignore[arg-type]

    assert within(inner, outer) == (not outer or bool(inner and one))


async def test_a_key_works_from_its_own_networks_only(
    identity: Identity, ada: Person, keys: ApiKeys
) -> None:
    made = await keys.create(
        ada.principal, "ci", ["jobs:read"], cidrs=["192.0.2.0/24", "2001:db8::/32"]
    )

    for address in ("192.0.2.200", "::ffff:192.0.2.200", "2001:db8::1"):
        assert await known(identity, made.secret, address), address
    for address in ("192.0.3.1", "2001:db9::1", "somewhere", "", None):
        assert not await known(identity, made.secret, address), address


async def test_a_revoked_key_is_void_at_once_and_stays_so(
    identity: Identity, ada: Person, keys: ApiKeys, watch: Watch
) -> None:
    made = await keys.create(ada.principal, "ci", ["jobs:read"])
    assert await known(identity, made.secret)

    await keys.revoke(ada.principal, made.key.id)
    await keys.revoke(ada.principal, made.key.id)

    assert not await known(identity, made.secret)
    assert (await keys.get(ada.principal, made.key.id)).revoked_at == watch.now()


async def test_a_rotated_key_gives_way_to_the_next(
    identity: Identity, ada: Person, keys: ApiKeys, watch: Watch
) -> None:
    first = await keys.create(ada.principal, "ci", ["jobs:read"], cidrs=["10.0.0.0/8"])
    second = await keys.rotate(ada.principal, first.key.id)
    third = await keys.rotate(ada.principal, second.key.id, overlap_seconds=60)

    assert not await known(identity, first.secret, "10.0.0.1")
    assert await known(identity, second.secret, "10.0.0.1")
    assert await known(identity, third.secret, "10.0.0.1")
    assert not await known(identity, third.secret, "11.0.0.1")
    watch.turn(seconds=60)
    assert not await known(identity, second.secret, "10.0.0.1")
    assert (third.key.name, third.key.scopes) == ("ci", {"jobs:read"})
    for gone in (first, second):
        with pytest.raises(NotFoundError):
            await keys.rotate(ada.principal, gone.key.id)
    for seconds in (-1, float("nan"), 8 * 86400):
        with pytest.raises(InvalidRequestError):
            await keys.rotate(ada.principal, third.key.id, overlap_seconds=seconds)


async def test_a_key_does_not_become_a_stronger_one_of_its_owner(
    identity: Identity, ada: Person, keys: ApiKeys
) -> None:
    weak = await keys.create(ada.principal, "weak", ["keys:write"])
    strong = await keys.create(ada.principal, "strong", ["jobs:write"])
    by = await identity.authenticate(weak.secret)

    with pytest.raises(ForbiddenError):
        await keys.rotate(by, strong.key.id)

    assert await known(identity, strong.secret)


async def test_another_user_s_key_is_not_there(
    identity: Identity, owner: Person, ada: Person, keys: ApiKeys
) -> None:
    eve = await person(identity, owner.principal, "member", "eve")
    made = await keys.create(ada.principal, "ci", ["jobs:read"])

    for work in (
        keys.get(eve.principal, made.key.id),
        keys.revoke(eve.principal, made.key.id),
        keys.rotate(eve.principal, made.key.id),
        keys.rotate(owner.principal, made.key.id),  # it would act for Ada
    ):
        with pytest.raises(NotFoundError):
            await work
    assert await keys.list(eve.user.id) == []
    assert await keys.get(owner.principal, made.key.id) == made.key
    await keys.revoke(owner.principal, made.key.id)
    assert not await known(identity, made.secret)


async def test_it_is_noted_to_the_minute_when_a_key_was_used(
    identity: Identity, ada: Person, keys: ApiKeys, watch: Watch
) -> None:
    made = await keys.create(ada.principal, "ci", ["jobs:read"])
    assert (await keys.get(ada.principal, made.key.id)).last_used_at is None
    first = watch.now()
    await known(identity, made.secret)
    watch.turn(seconds=59)
    await known(identity, made.secret)
    noted = (await keys.get(ada.principal, made.key.id)).last_used_at
    watch.turn(seconds=6)
    await known(identity, made.secret)

    assert noted == first
    assert (await keys.get(ada.principal, made.key.id)).last_used_at == watch.now()


async def test_keys_are_listed_from_one_to_the_next(ada: Person, keys: ApiKeys) -> None:
    made = [
        (await keys.create(ada.principal, str(n), ["jobs:read"])).key for n in range(5)
    ]
    in_order = sorted(made, key=lambda key: key.id)

    first = await keys.list(limit=2)
    rest = await keys.list(after=first[-1].id)

    assert first + rest == in_order
    assert await keys.list(ada.user.id) == in_order


async def test_what_only_looks_like_a_key_is_refused_as_any_other(
    identity: Identity, ada: Person, keys: ApiKeys
) -> None:
    real = (await keys.create(ada.principal, "ci", ["jobs:read"])).secret
    said = set()
    for credential in (
        "zgk_",
        "zgk_live_x",
        "zgk_live_' OR 1=1--",
        "ZGK_",
        real[:-1],
        real.lower(),
        f" {real}",
        new_api_key("live"),
    ):
        with pytest.raises(UnauthenticatedError) as caught:
            await identity.authenticate(credential)
        said.add(str(caught.value))

    assert len(said) == 1
