"""The client and the service: logins, keys and webhooks, over a real identity."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from gateway.clients import client_of
from gateway.doors import Doors
from gateway.people import GOOD, Person
from gateway.watches import Watch

from zg_plugins_builtin.client import (
    AsyncClient,
    NotFoundError,
    Tokens,
    UnauthenticatedError,
    ValidationError,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
def database_url(tmp_path: Path, migrated_file: Path) -> str:
    """One kind of database is enough here."""
    path = tmp_path / "gateway.db"
    path.write_bytes(migrated_file.read_bytes())
    return f"sqlite:///{path}"


@pytest.fixture
async def client(doors: Doors, ada: Person) -> AsyncGenerator[AsyncClient, None]:
    """A client of Ada's, who has just logged in."""
    async with client_of(doors.app) as made:
        await made.login(ada.user.email, GOOD)
        yield made


async def test_who_logs_in_stays_logged_in_and_logs_out(
    client: AsyncClient, ada: Person, watch: Watch
) -> None:
    first = client._asker.tokens
    watch.turn(minutes=11)
    me = await client.me()
    second = client._asker.tokens
    await client.refresh()
    await client.logout()
    with pytest.raises(UnauthenticatedError):
        await client.job("job_" + "0" * 32)

    assert me.email == ada.user.email
    assert "jobs:write" in me.scopes
    assert isinstance(first, Tokens)
    assert second != first


async def test_a_session_that_is_over_is_not_asked_for_ever(
    doors: Doors, client: AsyncClient, ada: Person
) -> None:
    tokens = client._asker.tokens
    assert tokens is not None
    async with client_of(doors.app) as other:
        other._asker.take(tokens)
        await other.refresh()
    with pytest.raises(UnauthenticatedError):
        await client.refresh()  # its token was used: the session is over
    with pytest.raises(UnauthenticatedError):
        await client.me()


async def test_a_wrong_password_is_said_to_be_wrong(doors: Doors, ada: Person) -> None:
    async with client_of(doors.app) as client:
        with pytest.raises(UnauthenticatedError):
            await client.login(ada.user.email, "not the password at all")


async def test_keys_are_made_listed_rotated_and_revoked(
    doors: Doors, client: AsyncClient
) -> None:
    made = await client.create_api_key("ci", ["jobs:read"], cidrs=["192.0.2.0/24"])
    other = await client.rotate_api_key(made.key_id)
    async with client_of(doors.app, other.key) as holder:
        assert (await holder.me()).key_id == other.key_id
    listed = [key.key_id async for key in client.api_keys()]
    await client.revoke_api_key(other.key_id)
    known = await client.api_key(other.key_id)

    assert made.key.startswith("zgk_")
    assert (made.name, made.scopes, made.cidrs) == (
        "ci",
        ("jobs:read",),
        ("192.0.2.0/24",),
    )
    assert {made.key_id, other.key_id} == set(listed)
    assert (known.key, known.revoked_at is not None) == ("", True)
    with pytest.raises(ValidationError):
        await client.create_api_key("ci", ["no:such"])


async def test_webhook_endpoints_are_made_changed_and_forgotten(
    doors: Doors, client: AsyncClient
) -> None:
    made = await client.create_webhook_endpoint(
        "https://app.example.com/hook", ["job.completed"], asymmetric=True
    )
    ident = made.endpoint_id
    changed = await client.change_webhook_endpoint(ident, description="ours")
    secret = await client.rotate_webhook_secret(ident)
    own = await client.rotate_webhook_secret()
    keys = await client.webhook_public_keys(ident)
    delivery = await client.send_test_webhook(ident)
    listed = [one async for one in client.webhook_endpoints()]
    sent = [one async for one in client.webhook_deliveries(endpoint_id=ident)]
    await doors.webhooks.courier.deliver_due()
    after = await client.webhook_delivery(delivery)
    again = await client.redeliver_webhook(delivery)
    await client.delete_webhook_endpoint(ident)

    assert len({made.secret, secret, own}) == 3
    assert (changed.description, changed.url) == ("ours", made.url)
    assert [key.startswith("whpk_") for key in keys] == [True, True]
    assert [one.endpoint_id for one in listed] == [ident]
    assert [(one.delivery_id, one.event_type) for one in sent] == [
        (delivery, "webhook.test")
    ]
    assert (after.state, len(after.history)) == ("delivered", 1)
    assert again.startswith("whd_")
    with pytest.raises(NotFoundError):
        await client.webhook_endpoint(ident)
