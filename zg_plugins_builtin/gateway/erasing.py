"""Erase tenants: their jobs first, with journals and files, then all that is left."""

from __future__ import annotations

import logging
from contextlib import suppress

import anyio
from sqlalchemy import ColumnElement, func, select

from .database import Database
from .errors import GatewayError
from .identity import Principal
from .identity.tables import tenants
from .identity.tenant_data import erase_rows
from .jobs import Jobs
from .jobs.states import ENDED
from .jobs.tables import jobs as rows

__all__ = ["erase_tenants", "keep_erasing"]

_log = logging.getLogger(__name__)
_EVERY = 10.0
_AT_ONCE = 200


async def keep_erasing(database: Database, jobs: Jobs) -> None:
    """Erase what is to be erased, until this is cancelled.

    Several processes may; what one has done the next finds done.
    """
    while True:
        try:
            await erase_tenants(database, jobs)
        except GatewayError as error:
            _log.warning("tenants.not_erased", exc_info=error)
        await anyio.sleep(_EVERY)


async def erase_tenants(database: Database, jobs: Jobs) -> list[str]:
    """Go on with erasing tenants; return those of which nothing is left.

    Args:
        database: The database.
        jobs: The jobs.
    """
    waiting = select(tenants.c.id).where(tenants.c.erasing_since.is_not(None))
    gone = []
    for tenant in await database.read(lambda c: c.scalars(waiting).all()):
        if await _erase_jobs(database, jobs, tenant):
            await database.write(lambda c, t=tenant: erase_rows(c, t))  # type: ignore[misc]
            _log.info("tenant.erased", extra={"tenant": tenant})
            gone.append(tenant)
    return gone


async def _erase_jobs(database: Database, jobs: Jobs, tenant: str) -> bool:
    """Stop and delete a tenant's jobs; return whether nothing of them is left."""
    by = Principal.operator(tenant)
    mine = rows.c.tenant_id == tenant
    for job_id in await _ids(database, mine & rows.c.state.not_in(ENDED)):
        with suppress(GatewayError):
            await jobs.cancel(by, job_id, "the tenant is being erased")
    ended = mine & rows.c.state.in_(ENDED) & rows.c.deleted_at.is_(None)
    for job_id in await _ids(database, ended):
        with suppress(GatewayError):
            await jobs.delete(by, job_id)
    left = select(func.count()).where(mine, rows.c.erased_at.is_(None))
    return not await database.read(lambda c: c.scalar(left))


async def _ids(database: Database, which: ColumnElement[bool]) -> list[str]:
    query = select(rows.c.id).where(which).limit(_AT_ONCE)
    return list(await database.read(lambda c: c.scalars(query).all()))
