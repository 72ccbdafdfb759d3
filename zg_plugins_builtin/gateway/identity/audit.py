"""The audit: who changed what, when; written with the change, or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from zg_core.plugin_api import Json, JsonObject

from ..database import Database
from ..ids import new_id
from . import tables

__all__ = ["Audit", "Entry", "record"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One change.

    Args:
        id: The entry's id; ids sort by time.
        at: When.
        actor: The id of the user or key that did it; ``operator``: somebody at the
            machine.
        action: What, as ``user.disabled``.
        target: To what, as an id.
        details: More, where there is more; never a secret.
    """

    id: str
    at: datetime
    actor: str
    action: str
    target: str
    details: JsonObject


def record(
    connection: Connection,
    now: datetime,
    tenant: str,
    actor: str,
    action: str,
    target: str,
    **details: Json,
) -> None:
    """Write an entry, in the transaction of what it tells.

    Args:
        connection: The transaction.
        now: The time.
        tenant: The tenant that it concerns.
        actor: Who did it: `Principal.actor`.
        action: What, as ``user.disabled``.
        target: To what, as an id.
        details: More; never a secret.
    """
    connection.execute(
        _RECORD,
        {
            "id": new_id("aud", now),
            "tenant_id": tenant,
            "at": now,
            "actor": actor,
            "action": action,
            "target": target,
            "details": details,
        },
    )


_RECORD = insert(tables.audit)


class Audit:
    """A tenant's audit, to read.

    Args:
        database: The database.
        tenant: The tenant's id.
    """

    def __init__(self, database: Database, tenant: str) -> None:
        self._database = database
        self._tenant = tenant

    async def list(self, *, limit: int = 20, before: str | None = None) -> list[Entry]:
        """Return entries, the latest first.

        Args:
            limit: How many, at most.
            before: Only those before this id.
        """
        columns = tables.audit.c
        query = select(*(columns[name] for name in Entry.__slots__)).where(
            columns.tenant_id == self._tenant
        )
        if before is not None:
            query = query.where(columns.id < before)
        query = query.order_by(columns.id.desc()).limit(limit)
        rows = await self._database.read(lambda c: c.execute(query).all())
        return [Entry(*row) for row in rows]
