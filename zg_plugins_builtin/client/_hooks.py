"""What a client does with webhooks: who is told, and what became of each message."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from ._calls import Call, path_of
from ._people import PeopleCalls
from .records import Delivery, WebhookEndpoint

__all__ = ["WebhookCalls"]


class WebhookCalls(PeopleCalls):
    """Endpoints, their secrets, and deliveries."""

    async def webhook_endpoints(self) -> AsyncIterator[WebhookEndpoint]:
        """Yield the endpoints of the tenant."""
        async for row in self._asker.pages(path_of("webhook-endpoints"), {}, None):
            yield WebhookEndpoint.of(row)

    async def webhook_endpoint(self, endpoint_id: str) -> WebhookEndpoint:
        """Return an endpoint."""
        return WebhookEndpoint.of(await self._get("webhook-endpoints", endpoint_id))

    async def create_webhook_endpoint(
        self,
        url: str,
        events: Sequence[str] = ("*",),
        *,
        description: str = "",
        asymmetric: bool = False,
        include_result: bool = False,
    ) -> WebhookEndpoint:
        """Have somebody told; the secret is in what is returned, and only there.

        Args:
            url: Where messages are sent.
            events: The types of events that are told; ``*`` is all.
            description: What it is for.
            asymmetric: Whether messages are signed with Ed25519 as well.
            include_result: Whether the result of a job is told, where it is short.

        Raises:
            CallbackForbiddenError: If the service may not call that address.
        """
        body = {
            "url": url,
            "events": list(events),
            "description": description,
            "asymmetric": asymmetric,
            "include_result": include_result,
        }
        return WebhookEndpoint.of(await self._post("webhook-endpoints", body=body))

    async def change_webhook_endpoint(
        self,
        endpoint_id: str,
        *,
        url: str | None = None,
        events: Sequence[str] | None = None,
        description: str | None = None,
        include_result: bool | None = None,
        enabled: bool | None = None,
    ) -> WebhookEndpoint:
        """Change an endpoint; what is not named stays as it is."""
        given: dict[str, Any] = {
            "url": url,
            "events": None if events is None else list(events),
            "description": description,
            "include_result": include_result,
            "enabled": enabled,
        }
        body = {name: value for name, value in given.items() if value is not None}
        path = path_of("webhook-endpoints", endpoint_id)
        answer = await self._asker.ask(Call(method="PATCH", path=path, body=body))
        return WebhookEndpoint.of(answer.document)

    async def delete_webhook_endpoint(self, endpoint_id: str) -> None:
        """Forget an endpoint and its secrets."""
        path = path_of("webhook-endpoints", endpoint_id)
        await self._asker.ask(Call(method="DELETE", path=path))

    async def rotate_webhook_secret(self, endpoint_id: str | None = None) -> str:
        """Return a new secret; the old one signs for another day.

        Args:
            endpoint_id: Of which endpoint; `None` is the tenant's own, for the
                ``callback_url`` of jobs.
        """
        if endpoint_id is None:
            said = await self._post("webhook-secret", "rotate")
        else:
            said = await self._post("webhook-endpoints", endpoint_id, "rotate-secret")
        return str(said["secret"])

    async def webhook_public_keys(self, endpoint_id: str) -> Sequence[str]:
        """Return the public keys of an endpoint that is asymmetric, newest first."""
        said = await self._get("webhook-endpoints", endpoint_id, "public-keys")
        return [str(key) for key in said["public_keys"]]

    async def send_test_webhook(self, endpoint_id: str) -> str:
        """Have a message sent that says nothing, and return the delivery's id."""
        said = await self._post("webhook-endpoints", endpoint_id, "test")
        return str(said["delivery_id"])

    async def webhook_deliveries(
        self,
        *,
        job_id: str | None = None,
        endpoint_id: str | None = None,
        state: str | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[Delivery]:
        """Yield what was sent, or is to be, the latest first.

        Args:
            job_id: Those about one job.
            endpoint_id: Those to one endpoint.
            state: Those of one state: ``pending``, ``delivered``, ``dead`` …
            limit: How many at most.
        """
        query = {"job_id": job_id, "endpoint_id": endpoint_id, "state": state}
        async for row in self._asker.pages(path_of("webhook-deliveries"), query, limit):
            yield Delivery.of(row)

    async def webhook_delivery(self, delivery_id: str) -> Delivery:
        """Return a message, and each time that it was sent."""
        return Delivery.of(await self._get("webhook-deliveries", delivery_id))

    async def redeliver_webhook(self, delivery_id: str) -> str:
        """Have a message sent once more, under its id; return the delivery's id."""
        said = await self._post("webhook-deliveries", delivery_id, "redeliver")
        return str(said["delivery_id"])
