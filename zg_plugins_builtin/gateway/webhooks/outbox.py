"""Write what is to be told, in the transaction of what happened."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from ..ids import new_id
from .events import CALLBACK_TYPES, EVERY_TYPE, Event
from .tables import deliveries, endpoints

__all__ = [
    "CANCELLED",
    "DEAD",
    "DELIVERED",
    "PENDING",
    "cancel_pending",
    "enqueue",
    "enqueue_to",
    "forget_job",
]

PENDING, DELIVERED, DEAD, CANCELLED = "pending", "delivered", "dead", "cancelled"


def enqueue(
    connection: Connection,
    tenant_id: str,
    event: Event,
    now: datetime,
    *,
    callback_url: str | None = None,
) -> list[str]:
    """Write an event for each who wants it; return the ids of the deliveries.

    It happens with the transaction, or not at all. A receiver gets it at least once,
    and in no certain order: what orders is the version of the job in the data.

    Args:
        connection: The transaction in which it happened.
        tenant_id: Whose it is.
        event: What happened.
        now: The time.
        callback_url: The job's own URL, which `Egress.permit` returned when the
            job came; it is told how the job ended, and nothing else.
    """
    interested = connection.execute(_INTERESTED, {"tenant": tenant_id}).all()
    written = [
        enqueue_to(
            connection,
            tenant_id,
            event,
            now,
            row.url,
            row.id,
            include_result=row.include_result,
        )
        for row in interested
        if event.type in row.events or EVERY_TYPE in row.events
    ]
    if callback_url is not None and event.type in CALLBACK_TYPES:
        written.append(enqueue_to(connection, tenant_id, event, now, callback_url))
    return written


# Made once: to make it takes longer than to execute it, and mostly nobody listens.
_INTERESTED = (
    select(
        endpoints.c.id,
        endpoints.c.url,
        endpoints.c.events,
        endpoints.c.include_result,
    )
    .where(endpoints.c.tenant_id == bindparam("tenant"), endpoints.c.enabled)
    .order_by(endpoints.c.id)
)


def enqueue_to(
    connection: Connection,
    tenant_id: str,
    event: Event,
    now: datetime,
    url: str,
    endpoint_id: str | None = None,
    *,
    include_result: bool = False,
) -> str:
    """Write an event for one receiver; return the delivery's id."""
    delivery_id = new_id("whd", now)
    connection.execute(
        insert(deliveries).values(
            id=delivery_id,
            tenant_id=tenant_id,
            endpoint_id=endpoint_id,
            url=url,
            message_id=new_id("msg", now),
            job_id=event.job_id,
            event_type=event.type,
            body=event.body(include_result=include_result),
            state=PENDING,
            tries=0,
            attempts=0,
            due_at=now,
            created_at=now,
        )
    )
    return delivery_id


def cancel_pending(connection: Connection, endpoint_id: str, now: datetime) -> int:
    """Take back what waits for an endpoint; return how much it was."""
    return connection.execute(
        update(deliveries)
        .where(deliveries.c.endpoint_id == endpoint_id, deliveries.c.state == PENDING)
        .values(state=CANCELLED, finished_at=now, lease=None, leased_until=None)
    ).rowcount


def forget_job(connection: Connection, tenant_id: str, job_id: str) -> int:
    """Erase what was or is to be told of a job; return how much it was."""
    return connection.execute(
        delete(deliveries).where(
            deliveries.c.tenant_id == tenant_id, deliveries.c.job_id == job_id
        )
    ).rowcount
