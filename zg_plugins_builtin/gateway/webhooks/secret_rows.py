"""The secrets that sign for an endpoint, and for a tenant's callback URLs."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, or_, select, update
from sqlalchemy.sql import ColumnElement

from ..errors import ConflictError
from ..ids import new_id
from .ed25519 import new_private_key, public_key
from .sealing import Seal
from .signing import PRIVATE, new_secret
from .tables import secrets

__all__ = ["OVERLAP", "make_secret", "rotate_secret", "shown", "signing_secrets"]

OVERLAP = timedelta(hours=24)
"""How long an old secret signs beside its successor."""
_MOST_SIGNING = 5


def shown(secret: str) -> str:
    """Return what a receiver needs to know: the secret, or its public key."""
    return public_key(secret) if secret.startswith(PRIVATE) else secret


def make_secret(
    connection: Connection,
    seal: Seal,
    tenant_id: str,
    endpoint_id: str | None,
    now: datetime,
    *,
    asymmetric: bool = False,
) -> str:
    """Make a secret, and keep it sealed; return it."""
    secret = new_private_key() if asymmetric else new_secret()
    row_id = new_id("whs", now)
    connection.execute(
        insert(secrets).values(
            id=row_id,
            tenant_id=tenant_id,
            endpoint_id=endpoint_id,
            sealed=seal.close(secret, _about(tenant_id, row_id)),
            created_at=now,
        )
    )
    return secret


def signing_secrets(
    connection: Connection,
    seal: Seal,
    tenant_id: str,
    endpoint_id: str | None,
    now: datetime,
) -> list[str]:
    """Return the secrets that sign now, the newest first.

    Raises:
        SealedError: If one cannot be opened.
    """
    rows = connection.execute(
        select(secrets.c.id, secrets.c.sealed)
        .where(
            _of(tenant_id, endpoint_id),
            or_(secrets.c.retires_at.is_(None), secrets.c.retires_at > now),
        )
        .order_by(secrets.c.id.desc())
    )
    return [seal.open(sealed, _about(tenant_id, row_id)) for row_id, sealed in rows]


def rotate_secret(
    connection: Connection,
    seal: Seal,
    tenant_id: str,
    endpoint_id: str | None,
    now: datetime,
    *,
    asymmetric: bool = False,
) -> str:
    """Make the next secret; those before it sign on for a day.

    Raises:
        ConflictError: If there were many rotations within that day.
    """
    mine = _of(tenant_id, endpoint_id)
    connection.execute(delete(secrets).where(mine, secrets.c.retires_at <= now))
    kept = connection.execute(select(secrets.c.id).where(mine)).all()
    if len(kept) >= _MOST_SIGNING:
        raise ConflictError(
            f"{_MOST_SIGNING} secrets sign already",
            "rotate again when the oldest has retired, a day after its successor came",
        )
    connection.execute(
        update(secrets)
        .where(mine, secrets.c.retires_at.is_(None))
        .values(retires_at=now + OVERLAP)
    )
    return make_secret(
        connection, seal, tenant_id, endpoint_id, now, asymmetric=asymmetric
    )


def _of(tenant_id: str, endpoint_id: str | None) -> ColumnElement[bool]:
    return (secrets.c.tenant_id == tenant_id) & (
        secrets.c.endpoint_id.is_(None)
        if endpoint_id is None
        else secrets.c.endpoint_id == endpoint_id
    )


def _about(tenant_id: str, row_id: str) -> str:
    return f"webhook secret {row_id} of {tenant_id}"
