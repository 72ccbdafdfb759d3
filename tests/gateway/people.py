"""People for tests of the service, and what they prove who they are with."""

from __future__ import annotations

from dataclasses import dataclass

from zg_plugins_builtin.gateway.identity import Identity, Principal, TokenPair, User

__all__ = ["GOOD", "OTHER", "Person", "host_owner", "person", "tenant_of"]

GOOD = "violet kettles argue at midnight"
OTHER = "nine quiet ferries to Gdansk"
"""Passwords that are taken."""


@dataclass(frozen=True)
class Person:
    """Somebody who has logged in."""

    user: User
    tokens: TokenPair
    principal: Principal


async def host_owner(identity: Identity) -> Person:
    """Make the first tenant, and log its owner in."""
    first = await identity.bootstrap("owner@host.example")
    assert first is not None
    tokens = await identity.logins.login(first.email, first.secret)
    principal = await identity.authenticate(tokens.access_token)
    user = await identity.users(first.tenant_id).get(first.user_id)
    return Person(user, tokens, principal)


async def tenant_of(identity: Identity, by: Principal, name: str) -> Person:
    """Make another tenant, and log its owner in."""
    made = await identity.tenants.create(by, name, f"owner@{name}.example")
    await identity.logins.redeem(made.ticket.secret, GOOD)
    return await logged_in(identity, made.owner, made.tenant.id, GOOD)


async def person(identity: Identity, by: Principal, role: str, name: str) -> Person:
    """Make a user of a role in somebody's tenant, and log them in."""
    users = identity.users(by.tid)
    email = f"{name}@{by.tid[-6:]}.example"
    made = await users.create(by, email, [role], name=name, password=GOOD)
    return await logged_in(identity, made, by.tid, GOOD)


async def logged_in(
    identity: Identity, user: User, tenant_id: str, password: str
) -> Person:
    tokens = await identity.logins.login(user.email, password)
    principal = await identity.authenticate(tokens.access_token)
    latest = await identity.users(tenant_id).get(user.id)
    return Person(latest, tokens, principal)
