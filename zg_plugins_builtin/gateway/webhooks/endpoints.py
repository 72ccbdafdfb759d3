"""The endpoints of a tenant: who is told of what happens to its jobs."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from ..clock import Clock
from ..database import Database, one_at_a_time
from ..egress.sending import Egress
from ..errors import (
    ConflictError,
    Fault,
    InsufficientScopeError,
    InvalidRequestError,
    NotFoundError,
)
from ..ids import new_id
from .events import EVENT_TYPES, EVERY_TYPE, TEST, Event
from .outbox import cancel_pending, enqueue_to
from .sealing import Seal
from .secret_rows import make_secret, rotate_secret, shown, signing_secrets
from .tables import deliveries, endpoints

__all__ = ["MOST_ENDPOINTS", "Endpoint", "Endpoints"]

OnChange = Callable[[Connection, str, str], None]
MOST_ENDPOINTS = 20
"""The most that one tenant has."""
_LONGEST_DESCRIPTION = 200


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Somebody who is told.

    Attributes:
        id: Its id, ``whe_…``.
        url: Where.
        events: Of which types of events; ``*`` is every one.
        description: What it is for.
        asymmetric: Whether it is signed for with Ed25519.
        include_result: Whether the result of a job is told, if it is small.
        enabled: Whether it is told anything now.
        disabled_for: Why the service disabled it: ``gone`` or ``failing``.
        failing_since: Since when nothing has arrived.
        created_at: When it was made.
    """

    id: str
    url: str
    events: tuple[str, ...]
    description: str
    asymmetric: bool
    include_result: bool
    enabled: bool
    disabled_for: str | None
    failing_since: datetime | None
    created_at: datetime


class Endpoints:
    """The endpoints of one tenant.

    Args:
        database: Where they are kept.
        tenant_id: Whose they are; others' are not there.
        egress: Says which URLs may be called.
        seal: Keeps their secrets.
        clock: Tells the time.
        domains: If given, only these and what lies under them may be called.
        reads: Whether whoever asks may read the results of jobs; who may not has them
            told nowhere.
        on_change: Is told of each change, in its transaction: the action, such as
            ``webhook_endpoint.created``, and the endpoint's id; for the audit.
    """

    def __init__(
        self,
        database: Database,
        tenant_id: str,
        *,
        egress: Egress,
        seal: Seal,
        clock: Clock,
        domains: frozenset[str] | None = None,
        reads: bool = True,
        on_change: OnChange = lambda _connection, _action, _target: None,
    ) -> None:
        self._database = database
        self._tenant = tenant_id
        self._egress = egress
        self._seal = seal
        self._clock = clock
        self._domains = domains
        self._reads = reads
        self._on_change = on_change

    async def create(
        self,
        url: str,
        events: Collection[str],
        *,
        description: str = "",
        asymmetric: bool = False,
        include_result: bool = False,
    ) -> tuple[Endpoint, str]:
        """Make an endpoint; return it with its secret, which is not shown again.

        Args:
            url: Where to send to.
            events: The types of events; ``*`` is every one.
            description: What it is for.
            asymmetric: Sign with Ed25519, and return the public key.
            include_result: Tell the results of jobs, where they are small.

        Raises:
            InsufficientScopeError: If they may not read the results that are told.
            CallbackForbiddenError: If the URL may not be called.
            InvalidRequestError: If an event or the description is none.
            ConflictError: If there are as many as there may be.
        """
        if include_result:
            self._check_reads()
        values = _checked({"events": events, "description": description})
        values["url"] = await self._egress.permit(url, domains=self._domains)
        values |= {"asymmetric": asymmetric, "include_result": include_result}
        now = self._clock.now()

        def work(connection: Connection) -> tuple[Endpoint, str]:
            self._check_room(connection)
            endpoint_id = new_id("whe", now)
            connection.execute(
                insert(endpoints).values(
                    id=endpoint_id,
                    tenant_id=self._tenant,
                    enabled=True,
                    created_at=now,
                    **values,
                )
            )
            secret = make_secret(
                connection,
                self._seal,
                self._tenant,
                endpoint_id,
                now,
                asymmetric=asymmetric,
            )
            self._on_change(connection, "webhook_endpoint.created", endpoint_id)
            return self._one(connection, endpoint_id), shown(secret)

        return await self._database.write(work)

    async def get(self, endpoint_id: str) -> Endpoint:
        """Return an endpoint.

        Raises:
            NotFoundError: If the tenant has none of that id.
        """
        return await self._database.read(lambda c: self._one(c, endpoint_id))

    async def all(self) -> list[Endpoint]:
        """Return all of them, the oldest first."""

        def work(connection: Connection) -> list[Endpoint]:
            rows = connection.execute(
                select(endpoints)
                .where(endpoints.c.tenant_id == self._tenant)
                .order_by(endpoints.c.id)
            )
            return [_endpoint(row) for row in rows]

        return await self._database.read(work)

    async def change(
        self,
        endpoint_id: str,
        *,
        url: str | None = None,
        events: Collection[str] | None = None,
        description: str | None = None,
        include_result: bool | None = None,
        enabled: bool | None = None,
    ) -> Endpoint:
        """Change an endpoint, and return it.

        One that is disabled is told nothing more: what waits is cancelled, and
        only what is being sent at that moment may still arrive. One that is
        enabled again begins anew.

        Args:
            endpoint_id: Its id.
            url: Where to send to; None is as before, here and below.
            events: The types of events; ``*`` is every one.
            description: What it is for.
            include_result: Whether to tell the results of jobs.
            enabled: Whether to tell anything.

        Raises:
            InsufficientScopeError: If they may not read the results that would be told,
                or told elsewhere.
            CallbackForbiddenError: If the URL may not be called.
            InvalidRequestError: If something else given is none.
            NotFoundError: If the tenant has none of that id.
        """
        values = _checked({"events": events, "description": description})
        if url is not None:
            values["url"] = await self._egress.permit(url, domains=self._domains)
        if include_result is not None:
            values["include_result"] = include_result
        if enabled is not None:
            values |= {"enabled": enabled, "disabled_for": None, "failing_since": None}
        now = self._clock.now()

        def work(connection: Connection) -> Endpoint:
            before = self._one(connection, endpoint_id)
            moved = values.get("url", before.url) != before.url
            if include_result or (moved and _tells_results(connection, before)):
                self._check_reads()
            if values:
                connection.execute(
                    update(endpoints)
                    .where(endpoints.c.id == endpoint_id)
                    .values(**values)
                )
                self._on_change(connection, "webhook_endpoint.changed", endpoint_id)
            if enabled is False:
                cancel_pending(connection, endpoint_id, now)
            return self._one(connection, endpoint_id)

        return await self._database.write(work)

    async def delete(self, endpoint_id: str) -> None:
        """Forget an endpoint and its secrets; what waits for it is cancelled.

        Raises:
            NotFoundError: If the tenant has none of that id.
        """
        now = self._clock.now()

        def work(connection: Connection) -> None:
            self._one(connection, endpoint_id)
            cancel_pending(connection, endpoint_id, now)
            connection.execute(delete(endpoints).where(endpoints.c.id == endpoint_id))
            self._on_change(connection, "webhook_endpoint.deleted", endpoint_id)

        await self._database.write(work)

    async def rotate_secret(self, endpoint_id: str | None) -> str:
        """Return a new secret, which is not shown again; the old signs for a day.

        Args:
            endpoint_id: Whose; None is the tenant's own, which signs what goes to
                the callback URLs of jobs.

        Raises:
            NotFoundError: If the tenant has no such endpoint.
            ConflictError: If it was rotated often in a day.
        """
        now = self._clock.now()

        def work(connection: Connection) -> str:
            asymmetric = (
                endpoint_id is not None
                and self._one(connection, endpoint_id).asymmetric
            )
            secret = rotate_secret(
                connection,
                self._seal,
                self._tenant,
                endpoint_id,
                now,
                asymmetric=asymmetric,
            )
            target = endpoint_id or self._tenant
            self._on_change(connection, "webhook_secret.rotated", target)
            return shown(secret)

        return await self._database.write(work)

    async def public_keys(self, endpoint_id: str) -> list[str]:
        """Return the public keys of what signs for an endpoint now, newest first.

        Raises:
            NotFoundError: If the tenant has none of that id.
        """
        now = self._clock.now()

        def work(connection: Connection) -> list[str]:
            if not self._one(connection, endpoint_id).asymmetric:
                return []
            signing = signing_secrets(
                connection, self._seal, self._tenant, endpoint_id, now
            )
            return [shown(secret) for secret in signing]

        return await self._database.read(work)

    async def test(self, endpoint_id: str) -> str:
        """Send an event of the type ``webhook.test``; return the delivery's id.

        Raises:
            NotFoundError: If the tenant has none of that id.
            ConflictError: If it is disabled.
        """
        now = self._clock.now()
        event = Event(TEST, now, {"endpoint_id": endpoint_id})

        def work(connection: Connection) -> str:
            endpoint = self._one(connection, endpoint_id)
            if not endpoint.enabled:
                raise ConflictError("the endpoint is disabled", "enable it first")
            return enqueue_to(
                connection, self._tenant, event, now, endpoint.url, endpoint_id
            )

        return await self._database.write(work)

    def _one(self, connection: Connection, endpoint_id: str) -> Endpoint:
        row = connection.execute(
            select(endpoints).where(
                endpoints.c.tenant_id == self._tenant, endpoints.c.id == endpoint_id
            )
        ).one_or_none()
        if row is None:
            raise NotFoundError("there is no such webhook endpoint", "check its id")
        return _endpoint(row)

    def _check_reads(self) -> None:
        if not self._reads:
            raise InsufficientScopeError("jobs:read")

    def _check_room(self, connection: Connection) -> None:
        one_at_a_time(connection, f"webhook endpoints of {self._tenant}")
        there = connection.scalar(
            select(func.count()).where(endpoints.c.tenant_id == self._tenant)
        )
        if (there or 0) >= MOST_ENDPOINTS:
            raise ConflictError(
                f"there are {MOST_ENDPOINTS} webhook endpoints already",
                "delete one that is no longer needed",
            )


def _tells_results(connection: Connection, endpoint: Endpoint) -> bool:
    """Tell whether an endpoint is told results, or could be again what it was told.

    What is kept goes to where the endpoint is by then.
    """
    if endpoint.include_result:
        return True
    kept = deliveries.c.body.contains('"result":')
    query = select(deliveries.c.id).where(deliveries.c.endpoint_id == endpoint.id, kept)
    return connection.execute(query.limit(1)).first() is not None


def _endpoint(row: Row[Any]) -> Endpoint:
    values = row._asdict()
    values["events"] = tuple(values["events"])
    del values["tenant_id"]
    return Endpoint(**values)


def _checked(given: dict[str, Any]) -> dict[str, Any]:
    """Return what is given as it is kept, if it can be."""
    values = {name: value for name, value in given.items() if value is not None}
    faults = []
    events = values.get("events")
    if events is not None:
        values["events"] = sorted(set(events))
        if not events or set(events) - EVENT_TYPES - {EVERY_TYPE}:
            known = ", ".join(sorted(EVENT_TYPES))
            faults.append(Fault("/events", "enum", f"must be '*' or of these: {known}"))
    if len(values.get("description", "")) > _LONGEST_DESCRIPTION:
        most = f"must have at most {_LONGEST_DESCRIPTION} characters"
        faults.append(Fault("/description", "too_long", most))
    if faults:
        raise InvalidRequestError(
            "the webhook endpoint is not valid", "see what is wrong with it", *faults
        )
    return values
