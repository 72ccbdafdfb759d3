"""Idempotency: the same request with the same key is one job, and one answer."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from zg_core.plugin_api import JsonObject

from ..errors import ConflictError, IdempotencyKeyReusedError
from . import tables

__all__ = [
    "Key",
    "Stored",
    "digest_of",
    "forget_answers",
    "forget_expired",
    "keep",
    "stored",
]


@dataclass(frozen=True, slots=True)
class Key:
    """What makes a request one that was sent before.

    Args:
        tenant: The tenant.
        actor: Who asks.
        route: The method and the route.
        sha256: The digest of the key that the client chose.
        request: The digest of what was asked.
    """

    tenant: str
    actor: str
    route: str
    sha256: str
    request: str


@dataclass(frozen=True, slots=True)
class Stored:
    """The answer that was given the first time.

    Args:
        job_id: The job that was made.
        status: The HTTP status.
        body: The document.
    """

    job_id: str
    status: int
    body: JsonObject


def digest_of(value: object) -> str:
    """Return the SHA-256 of a value as canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def stored(connection: Connection, key: Key, now: datetime) -> Stored | None:
    """Return the answer that was given before; `None` if there was none.

    Raises:
        IdempotencyKeyReusedError: If the key was used for something else.
        ConflictError: If what it made was deleted since.
    """
    row = connection.execute(_STORED, _named(key)).one_or_none()
    if row is None or row.expires_at <= now:
        return None
    if row.request_sha256 != key.request:
        raise IdempotencyKeyReusedError(
            "the idempotency key was used for another request",
            "use a new key for each thing that is to be done",
        )
    if row.body is None:
        raise ConflictError(
            "the job of this idempotency key was deleted", "use a new key"
        )
    return Stored(row.job_id, row.status, row.body)


def keep(
    connection: Connection, key: Key, given: Stored, now: datetime, lasting: timedelta
) -> None:
    """Keep an answer for a while, in the transaction of what it tells."""
    connection.execute(_FORGET_EXPIRED, {**_named(key), "now": now})
    connection.execute(
        _KEEP,
        {
            "tenant_id": key.tenant,
            "actor": key.actor,
            "route": key.route,
            "key_sha256": key.sha256,
            "request_sha256": key.request,
            "job_id": given.job_id,
            "status": given.status,
            "body": given.body,
            "expires_at": now + lasting,
        },
    )


def forget_answers(connection: Connection, job_id: str) -> None:
    """Erase what was answered about a job, but not that its keys were used."""
    connection.execute(
        update(tables.keys).where(tables.keys.c.job_id == job_id).values(body=None)
    )


def forget_expired(connection: Connection, now: datetime) -> None:
    """Forget the keys whose time is over."""
    connection.execute(delete(tables.keys).where(tables.keys.c.expires_at <= now))


def _named(key: Key) -> dict[str, str]:
    return {
        "tenant": key.tenant,
        "who": key.actor,
        "where": key.route,
        "digest": key.sha256,
    }


_KEYS = tables.keys
_SAME = (
    _KEYS.c.tenant_id == bindparam("tenant"),
    _KEYS.c.actor == bindparam("who"),
    _KEYS.c.route == bindparam("where"),
    _KEYS.c.key_sha256 == bindparam("digest"),
)
# Made once: to make one takes longer than to execute it.
_STORED = select(_KEYS).where(*_SAME)
_FORGET_EXPIRED = delete(_KEYS).where(*_SAME, _KEYS.c.expires_at <= bindparam("now"))
_KEEP = insert(_KEYS)
