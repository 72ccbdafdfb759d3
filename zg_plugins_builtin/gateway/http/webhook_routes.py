"""Webhooks: who is told, with which secret, and what became of each message.

What a receiver answers is shown to nobody: it would let a client read, through the
service, what only the service can reach.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Security
from pydantic import Field, StrictBool
from starlette.responses import Response

from ..identity import Principal
from ..webhooks.deliveries import Attempt, Delivery
from ..webhooks.endpoints import Endpoint
from ..webhooks.webhooks import Webhooks
from .json_body import JsonRoute
from .models import Answer, Asked, Moment, Page, Text
from .paging import Paging, page_of
from .requirements import require

__all__ = ["routes_of"]

_ENDPOINTS = "/api/v1/webhook-endpoints"

EndpointId = Annotated[str, Path(pattern=r"^whe_[0-9a-f]{32}$")]
DeliveryId = Annotated[str, Path(pattern=r"^whd_[0-9a-f]{32}$")]
OfEndpoint = Annotated[str | None, Query(pattern=r"^whe_[0-9a-f]{32}$")]
OfJob = Annotated[str | None, Query(pattern=r"^job_[0-9a-f]{32}$")]
State = Literal["pending", "delivered", "dead", "cancelled"]
Reader = Annotated[Principal, Security(require("webhooks:read"))]
Writer = Annotated[Principal, Security(require("webhooks:write"))]
Url = Annotated[Text, Field(min_length=1, max_length=2048)]
Events = Annotated[
    tuple[Annotated[Text, Field(max_length=100)], ...],
    Field(min_length=1, max_length=100),
]
Description = Annotated[Text, Field(max_length=200)]


class EndpointWanted(Asked):
    """An endpoint that is to be made."""

    url: Url
    events: Events = ("*",)
    description: Description = ""
    asymmetric: StrictBool = False
    include_result: StrictBool = False


class EndpointChange(Asked):
    """What is to be different about an endpoint."""

    url: Url | None = None
    events: Events | None = None
    description: Description | None = None
    include_result: StrictBool | None = None
    enabled: StrictBool | None = None


class OneEndpoint(Answer):
    """Somebody who is told."""

    endpoint_id: str
    url: str
    events: Sequence[str]
    description: str
    asymmetric: bool
    include_result: bool
    enabled: bool
    disabled_for: str | None
    failing_since: Moment | None
    created_at: Moment


class MadeEndpoint(OneEndpoint):
    """An endpoint that was just made, with its secret; that is not shown again."""

    secret: str


class Secret(Answer):
    """A new secret, which is not shown again; the old one signs for another day."""

    secret: str


class PublicKeys(Answer):
    """What is signed for an endpoint is checked with one of these, newest first."""

    public_keys: Sequence[str]


class Sending(Answer):
    """A message that will be sent."""

    delivery_id: str


class OneDelivery(Answer):
    """A message for one receiver."""

    delivery_id: str
    endpoint_id: str | None
    job_id: str | None
    url: str
    message_id: str
    event_type: str
    state: str
    attempts: int
    outcome: str | None
    due_at: Moment | None
    created_at: Moment
    finished_at: Moment | None


class OneAttempt(Answer):
    """One time that a message was sent."""

    number: int
    at: Moment
    outcome: str
    milliseconds: int


class WholeDelivery(OneDelivery):
    """A message, and each time that it was sent."""

    history: Sequence[OneAttempt]


def routes_of(webhooks: Webhooks) -> APIRouter:
    """Return the routes.

    Args:
        webhooks: All of the webhooks.
    """
    routes = APIRouter(prefix="/api/v1", route_class=JsonRoute, tags=["webhooks"])
    _add_endpoints(routes, webhooks)
    _add_secrets(routes, webhooks)
    _add_deliveries(routes, webhooks)
    return routes


def _add_endpoints(routes: APIRouter, webhooks: Webhooks) -> None:
    @routes.post("/webhook-endpoints", status_code=201)
    async def create(
        asked: EndpointWanted, response: Response, who: Writer
    ) -> MadeEndpoint:
        """Make an endpoint; ``include_result`` takes ``jobs:read`` as well."""
        endpoint, secret = await webhooks.endpoints(who).create(
            asked.url,
            asked.events,
            description=asked.description,
            asymmetric=asked.asymmetric,
            include_result=asked.include_result,
        )
        response.headers["location"] = f"{_ENDPOINTS}/{endpoint.id}"
        return MadeEndpoint(**_endpoint(endpoint).model_dump(), secret=secret)

    @routes.get("/webhook-endpoints")
    async def page(who: Reader, asked: Paging) -> Page[OneEndpoint]:
        """List the endpoints of the tenant."""
        all_ = await webhooks.endpoints(who).all()

        async def fetch(limit: int, after: str | None) -> list[Endpoint]:
            return [one for one in all_ if after is None or one.id > after][:limit]

        return await page_of(asked, who, fetch, _endpoint)

    @routes.get("/webhook-endpoints/{endpoint_id}")
    async def get(endpoint_id: EndpointId, who: Reader) -> OneEndpoint:
        """Return an endpoint."""
        return _endpoint(await webhooks.endpoints(who).get(endpoint_id))

    @routes.patch("/webhook-endpoints/{endpoint_id}")
    async def change(
        endpoint_id: EndpointId, asked: EndpointChange, who: Writer
    ) -> OneEndpoint:
        """Change an endpoint; one that is enabled again begins anew.

        To have results told, or told elsewhere, takes ``jobs:read``.
        """
        changed = await webhooks.endpoints(who).change(
            endpoint_id,
            url=asked.url,
            events=asked.events,
            description=asked.description,
            include_result=asked.include_result,
            enabled=asked.enabled,
        )
        return _endpoint(changed)

    @routes.delete("/webhook-endpoints/{endpoint_id}", status_code=204)
    async def delete(endpoint_id: EndpointId, who: Writer) -> None:
        """Forget an endpoint and its secrets."""
        await webhooks.endpoints(who).delete(endpoint_id)


def _add_secrets(routes: APIRouter, webhooks: Webhooks) -> None:
    @routes.post("/webhook-endpoints/{endpoint_id}/rotate-secret")
    async def rotate(endpoint_id: EndpointId, who: Writer) -> Secret:
        """Make a new secret for an endpoint."""
        secret = await webhooks.endpoints(who).rotate_secret(endpoint_id)
        return Secret(secret=secret)

    @routes.post("/webhook-secret/rotate")
    async def rotate_own(who: Writer) -> Secret:
        """Make a new secret for what goes to the callback URLs of jobs."""
        return Secret(secret=await webhooks.endpoints(who).rotate_secret(None))

    @routes.get("/webhook-endpoints/{endpoint_id}/public-keys")
    async def public_keys(endpoint_id: EndpointId, who: Reader) -> PublicKeys:
        """Return the public keys of an endpoint that is asymmetric."""
        keys = await webhooks.endpoints(who).public_keys(endpoint_id)
        return PublicKeys(public_keys=keys)

    @routes.post("/webhook-endpoints/{endpoint_id}/test", status_code=202)
    async def test(endpoint_id: EndpointId, who: Writer) -> Sending:
        """Send an event of the type ``webhook.test``."""
        delivery_id = await webhooks.endpoints(who).test(endpoint_id)
        webhooks.courier.wake()
        return Sending(delivery_id=delivery_id)


def _add_deliveries(routes: APIRouter, webhooks: Webhooks) -> None:
    @routes.get("/webhook-deliveries")
    async def page(
        who: Reader,
        asked: Paging,
        job_id: OfJob = None,
        endpoint_id: OfEndpoint = None,
        state: State | None = None,
    ) -> Page[OneDelivery]:
        """List what was sent, or is to be, the latest first."""
        deliveries = webhooks.deliveries(who)
        chosen = {"job_id": job_id, "endpoint_id": endpoint_id, "state": state}

        async def fetch(limit: int, before: str | None) -> list[Delivery]:
            return await deliveries.page(**chosen, limit=limit, before=before)

        return await page_of(asked, who, fetch, _delivery, **chosen)

    @routes.get("/webhook-deliveries/{delivery_id}")
    async def get(delivery_id: DeliveryId, who: Reader) -> WholeDelivery:
        """Return a message, and each time that it was sent."""
        deliveries = webhooks.deliveries(who)
        delivery = await deliveries.get(delivery_id)
        made = await deliveries.attempts(delivery_id)
        return WholeDelivery(
            **_delivery(delivery).model_dump(), history=[_attempt(one) for one in made]
        )

    @routes.post("/webhook-deliveries/{delivery_id}/redeliver", status_code=202)
    async def redeliver(delivery_id: DeliveryId, who: Writer) -> Sending:
        """Send a message once more, under its id."""
        delivery = await webhooks.deliveries(who).redeliver(delivery_id)
        webhooks.courier.wake()
        return Sending(delivery_id=delivery.id)


def _endpoint(endpoint: Endpoint) -> OneEndpoint:
    return OneEndpoint(
        endpoint_id=endpoint.id,
        url=endpoint.url,
        events=endpoint.events,
        description=endpoint.description,
        asymmetric=endpoint.asymmetric,
        include_result=endpoint.include_result,
        enabled=endpoint.enabled,
        disabled_for=endpoint.disabled_for,
        failing_since=endpoint.failing_since,
        created_at=endpoint.created_at,
    )


def _delivery(delivery: Delivery) -> OneDelivery:
    return OneDelivery(
        delivery_id=delivery.id,
        endpoint_id=delivery.endpoint_id,
        job_id=delivery.job_id,
        url=delivery.url,
        message_id=delivery.message_id,
        event_type=delivery.event_type,
        state=delivery.state,
        attempts=delivery.attempts,
        outcome=delivery.outcome,
        due_at=delivery.due_at if delivery.state == "pending" else None,
        created_at=delivery.created_at,
        finished_at=delivery.finished_at,
    )


def _attempt(attempt: Attempt) -> OneAttempt:
    return OneAttempt(
        number=attempt.number,
        at=attempt.at,
        outcome=attempt.outcome,
        milliseconds=attempt.milliseconds,
    )
