"""What was sent to a tenant's receivers, how it went, and sending it once more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, select, update

from ..clock import Clock
from ..database import Database
from ..errors import ConflictError, NotFoundError
from .outbox import PENDING
from .tables import attempts, deliveries, endpoints

__all__ = ["Attempt", "Deliveries", "Delivery"]

_SHOWN = (
    deliveries.c.id,
    deliveries.c.endpoint_id,
    deliveries.c.url,
    deliveries.c.message_id,
    deliveries.c.job_id,
    deliveries.c.event_type,
    deliveries.c.state,
    deliveries.c.attempts,
    deliveries.c.due_at,
    deliveries.c.outcome,
    deliveries.c.created_at,
    deliveries.c.finished_at,
)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message for one receiver.

    Attributes:
        id: Its id, ``whd_…``.
        endpoint_id: For which endpoint; None is a job's callback URL.
        url: Where it was to go when it was written.
        message_id: The ``webhook-id``, the same however often it is sent.
        job_id: Of which job it tells.
        event_type: What it tells.
        state: ``pending``, ``delivered``, ``dead`` (given up) or ``cancelled``.
        attempts: How often it was sent, or tried to be.
        due_at: When it is sent next, while it is pending.
        outcome: How the last attempt ended.
        created_at: When it was written.
        finished_at: When it was delivered, given up or cancelled.
    """

    id: str
    endpoint_id: str | None
    url: str
    message_id: str
    job_id: str | None
    event_type: str
    state: str
    attempts: int
    due_at: datetime
    outcome: str | None
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One time that a message was sent, or tried to be.

    Nothing of what the receiver answered is kept but the class of its status.

    Attributes:
        number: From 1; one that is missing was cut off with who made it.
        at: When it began.
        outcome: As in `Outcome.name`.
        milliseconds: How long it took.
    """

    number: int
    at: datetime
    outcome: str
    milliseconds: int


class Deliveries:
    """The deliveries of one tenant.

    Args:
        database: Where they are kept.
        tenant_id: Whose they are; others' are not there.
        clock: Tells the time.
    """

    def __init__(self, database: Database, tenant_id: str, *, clock: Clock) -> None:
        self._database = database
        self._tenant = tenant_id
        self._clock = clock

    async def get(self, delivery_id: str) -> Delivery:
        """Return a delivery.

        Raises:
            NotFoundError: If the tenant has none of that id.
        """
        return await self._database.read(lambda c: self._one(c, delivery_id))

    async def page(
        self,
        *,
        job_id: str | None = None,
        endpoint_id: str | None = None,
        state: str | None = None,
        before: str | None = None,
        limit: int = 20,
    ) -> list[Delivery]:
        """Return deliveries, the newest first.

        Args:
            job_id: Only those of this job.
            endpoint_id: Only those to this endpoint.
            state: Only those in this state; ``dead`` are the dead letters.
            before: Only those that are older than the one of this id.
            limit: How many at most.
        """
        chosen = select(*_SHOWN).where(deliveries.c.tenant_id == self._tenant)
        if job_id is not None:
            chosen = chosen.where(deliveries.c.job_id == job_id)
        if endpoint_id is not None:
            chosen = chosen.where(deliveries.c.endpoint_id == endpoint_id)
        if state is not None:
            chosen = chosen.where(deliveries.c.state == state)
        if before is not None:
            chosen = chosen.where(deliveries.c.id < before)
        chosen = chosen.order_by(deliveries.c.id.desc()).limit(limit)
        return await self._database.read(
            lambda c: [Delivery(*row) for row in _rows(c, chosen)]
        )

    async def attempts(self, delivery_id: str) -> list[Attempt]:
        """Return the attempts of a delivery, the oldest first.

        Raises:
            NotFoundError: If the tenant has none of that id.
        """
        made = (
            select(
                attempts.c.number,
                attempts.c.at,
                attempts.c.outcome,
                attempts.c.milliseconds,
            )
            .where(attempts.c.delivery_id == delivery_id)
            .order_by(attempts.c.number)
        )

        def work(connection: Connection) -> list[Attempt]:
            self._one(connection, delivery_id)
            return [Attempt(*row) for row in _rows(connection, made)]

        return await self._database.read(work)

    async def redeliver(self, delivery_id: str) -> Delivery:
        """Send a message again, with its id, and by the schedule from its beginning.

        Raises:
            NotFoundError: If the tenant has none of that id.
            ConflictError: If it is pending, or its endpoint is disabled or deleted.
        """
        now = self._clock.now()

        def work(connection: Connection) -> Delivery:
            delivery = self._one(connection, delivery_id)
            if delivery.state == PENDING:
                raise ConflictError(
                    "the message has not been given up", "wait for its next attempt"
                )
            if delivery.endpoint_id is not None:
                _check_enabled(connection, delivery.endpoint_id)
            connection.execute(
                update(deliveries)
                .where(deliveries.c.id == delivery_id)
                .values(state=PENDING, tries=0, due_at=now, finished_at=None)
            )
            return self._one(connection, delivery_id)

        return await self._database.write(work)

    def _one(self, connection: Connection, delivery_id: str) -> Delivery:
        one = select(*_SHOWN).where(
            deliveries.c.tenant_id == self._tenant, deliveries.c.id == delivery_id
        )
        for row in _rows(connection, one):
            return Delivery(*row)
        raise NotFoundError("there is no such webhook delivery", "check its id")


def _rows(connection: Connection, chosen: Select[Any]) -> Sequence[Sequence[Any]]:
    return connection.execute(chosen).all()


def _check_enabled(connection: Connection, endpoint_id: str) -> None:
    enabled = connection.scalar(
        select(endpoints.c.enabled).where(endpoints.c.id == endpoint_id)
    )
    if not enabled:
        raise ConflictError(
            "the endpoint is disabled or deleted", "enable it, or make another one"
        )
