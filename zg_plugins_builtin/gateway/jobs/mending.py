"""Do what somebody began before a fault, and could not do to its end."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime

from sqlalchemy import Connection, select, update

import zg_core as zg

from ..errors import DatabaseError
from . import tables
from .deciding import deliver, undelivered
from .desk import Desk
from .erasing import erase, unerased
from .keys import forget_expired

__all__ = ["mend"]

_log = logging.getLogger(__name__)
JOBS = tables.jobs
_FAULTS = 3
"""After so many in a row it is not the one run that is at fault, but the journal."""


async def mend(desk: Desk, before: datetime) -> None:
    """Do what was begun before a moment, and whoever began it seems not to do.

    Any number of processes may do it at once. What goes wrong with one job keeps the
    others from nothing, and is tried again the next time.

    Args:
        desk: What it is done with.
        before: The moment.

    Raises:
        DatabaseError: If the database cannot be reached; then it is done later.
    """
    ids = await desk.database.read(lambda c: _unplaced(c, before))
    lost = (job_id for job_id in ids if job_id not in desk.to_place)
    await _each(lost, desk.place_later, desk.place)
    ids = await desk.database.read(lambda c: undelivered(c, before))
    await _each(ids, None, lambda question: deliver(desk, question))
    ids = await desk.database.read(_paused)
    await _each(ids, None, desk.settle)
    await desk.database.write(lambda c: _forget(c, before))
    ids = await desk.database.read(unerased)
    await _each(ids, None, lambda job_id: erase(desk, job_id))


async def _each(
    ids: Iterable[str],
    later: Callable[[str], None] | None,
    work: Callable[[str], Awaitable[object]],
) -> None:
    """Do something to each, or have that done by who does it anyway."""
    faults = 0
    for one in ids:
        if later is not None:
            later(one)
            continue
        try:
            await work(one)
        except DatabaseError:
            raise
        except zg.JournalError as error:
            _log.warning("jobs.not_mended", exc_info=error, extra={"id": one})
            faults += 1
            if faults == _FAULTS:
                return
            continue
        except Exception:  # noqa: BLE001 - the others are mended all the same
            _log.exception("jobs.not_mended", extra={"id": one})
        faults = 0


def _unplaced(connection: Connection, before: datetime) -> list[str]:
    """Return the jobs of which it is not known that their run is in the journal."""
    lost = (
        select(JOBS.c.id)
        .where(~JOBS.c.placed, JOBS.c.deleted_at.is_(None), JOBS.c.created_at <= before)
        .order_by(JOBS.c.id)
    )
    return [*connection.execute(lost).scalars()]


def _paused(connection: Connection) -> list[str]:
    """Return the jobs whose run an operator put aside, and may go on with elsewhere."""
    paused = select(JOBS.c.id).where(JOBS.c.state == "paused", ~JOBS.c.ready)
    return [*connection.execute(paused).scalars()]


def _forget(connection: Connection, before: datetime) -> None:
    """Forget old keys, and have erased what a job may have left that was deleted."""
    forget_expired(connection, before)
    left = update(JOBS).where(
        ~JOBS.c.placed, JOBS.c.deleted_at.is_not(None), JOBS.c.created_at <= before
    )
    connection.execute(left.values(placed=True, erased_at=None))
