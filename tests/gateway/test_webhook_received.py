"""A webhook from the outbox to a server on this machine, over TLS, and checked."""

from __future__ import annotations

import ssl

import anyio
import pytest
import standardwebhooks
import trustme
from gateway.posting import Post
from gateway.receiving import Receiver, answering

from zg_plugins_builtin.gateway.clock import SystemClock
from zg_plugins_builtin.gateway.database import Database
from zg_plugins_builtin.gateway.egress.sending import Egress, Timeouts
from zg_plugins_builtin.gateway.egress.targets import EgressPolicy
from zg_plugins_builtin.gateway.errors import CallbackForbiddenError
from zg_plugins_builtin.gateway.webhooks.courier import Courier
from zg_plugins_builtin.gateway.webhooks.endpoints import Endpoints
from zg_plugins_builtin.gateway.webhooks.signing import verify

pytestmark = pytest.mark.anyio


@pytest.fixture
def post(database: Database) -> Post:
    """Webhooks whose clock is this machine's, as the verifier's is."""
    return Post(database, SystemClock())


def courier(post: Post, egress: Egress) -> Courier:
    return Courier(
        post.database, post.leases, egress=egress, seal=post.seal, clock=SystemClock()
    )


def endpoints(post: Post, tenant: str, egress: Egress) -> Endpoints:
    return Endpoints(
        post.database, tenant, egress=egress, seal=post.seal, clock=SystemClock()
    )


async def test_a_webhook_is_received_over_tls_and_verified(post: Post) -> None:
    authority = trustme.CA()
    shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(shown)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    egress = Egress(EgressPolicy(insecure_loopback=True), tls=trusting)
    tenant = await post.tenant()
    async with Receiver(answering(503), answering(204), tls=shown) as receiver:
        url = f"https://localhost:{receiver.port}/hooks?a=b"
        made, secret = await endpoints(post, tenant, egress).create(url, ["*"])
        (delivery,) = await post.tell(tenant)
        await courier(post, egress).deliver_due()
        await endpoints(post, tenant, egress).change(made.id, enabled=False)
        await endpoints(post, tenant, egress).change(made.id, enabled=True)
        await post.deliveries(tenant).redeliver(delivery)
        await courier(post, egress).deliver_due()

    first, second = receiver.requests
    for got in (first, second):
        assert (got.method, got.path) == ("POST", "/hooks?a=b")
        told = standardwebhooks.Webhook(secret).verify(got.body, got.headers)
        assert told["type"] == "job.completed"
        verify(got.headers, got.body, secret)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert (await post.deliveries(tenant).get(delivery)).state == "delivered"


async def test_this_machine_is_no_receiver_but_in_development(post: Post) -> None:
    tenant = await post.tenant()
    async with Receiver() as receiver:
        with pytest.raises(CallbackForbiddenError):
            await endpoints(post, tenant, Egress()).create(receiver.url, ["*"])
        await post.tell(tenant, callback_url=receiver.url)
        await courier(post, Egress()).deliver_due()

        assert not receiver.connections
    (delivery,) = await post.deliveries(tenant).page()
    assert (delivery.state, delivery.outcome) == ("pending", "blocked")


@pytest.mark.parametrize(
    ("told", "endless", "outcome"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65_536, "2xx"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", b"", "timeout"),
        (None, b"", "timeout"),
        (b"\x15\x03\x01\r\n\r\n", b"", "connection"),
        (answering(302, "location: https://169.254.169.254/"), b"", "3xx"),
    ],
)
async def test_a_bad_receiver_harms_nobody_else(
    post: Post, told: bytes | None, endless: bytes, outcome: str
) -> None:
    policy = EgressPolicy(insecure_loopback=True)
    egress = Egress(policy, timeouts=Timeouts(connect=0.2, total=0.3))
    bad, good = await post.tenant(), await post.tenant()
    async with Receiver(told, endless=endless) as one, Receiver() as other:
        await post.tell(bad, callback_url=one.url)
        await post.tell(good, callback_url=other.url)
        with anyio.fail_after(20):
            await courier(post, egress).deliver_due()

    assert [d.state for d in await post.deliveries(good).page()] == ["delivered"]
    assert [d.outcome for d in await post.deliveries(bad).page()] == [outcome]
