"""Cancel jobs that are to be done no more, whoever does them.

Those are the jobs that run and that a kill switch concerns, and those of somebody who
may do nothing any more.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from typing import Any

import anyio
from sqlalchemy import Row, select

import zg_core as zg

from ..errors import DatabaseError, JobNotCancellableError, NotFoundError
from ..identity import Principal
from ..limits import Switch, void_for
from . import tables
from .asked import Asked, agents_of, workflow_of
from .cancelling import cancel
from .desk import Desk
from .states import ENDED

__all__ = ["stop_all", "stop_void", "watch_switches"]

_log = logging.getLogger(__name__)
JOBS = tables.jobs
_OVER = ("cancelling", *ENDED)
_LOOK_EVERY = 1.0
_AT_ONCE = 100
"""How many jobs of those who may do nothing any more are cancelled in one look."""


async def watch_switches(desk: Desk) -> None:
    """Look every second what is to be done no more, and cancel it; for ever."""
    while True:
        try:
            await stop_all(desk)
            await stop_void(desk)
        except (DatabaseError, zg.JournalError) as error:
            _log.warning("jobs.not_stopped", exc_info=error)
        await anyio.sleep(_LOOK_EVERY)


async def stop_all(desk: Desk) -> int:
    """Cancel what runs and was stopped; return how many jobs that were.

    What waits for its turn, or for people, is left: it goes on when the switch is
    lifted, and can be cancelled.
    """
    switches = await desk.spending.switches.active()
    if not switches:
        return 0
    running = select(JOBS).where(JOBS.c.state == "running")
    rows = await desk.database.read(lambda c: c.execute(running).all())
    stopped = 0
    async with anyio.create_task_group() as group:
        for row in rows:
            switch = await _concerning(desk, row, switches)
            if switch is not None:
                who = replace(Principal.operator(row.tenant_id), sub=switch.set_by)
                group.start_soon(_cancel, desk, who, row.id, switch.reason)
                stopped += 1
    return stopped


async def stop_void(desk: Desk) -> int:
    """Cancel what runs or is due of those who may do nothing any more.

    That is of disabled tenants and users, and of revoked keys. What is due later, or
    waits for people, is left until it could go on: they may be enabled before.

    Returns:
        How many jobs that were.
    """
    c = JOBS.c
    why = void_for(c.tenant_id, c.submitted_by, c.actor)
    due = c.ready & (c.due_at <= desk.clock.now()) & c.state.not_in(_OVER)
    void = (
        select(c.id, c.tenant_id, why.label("why"))
        .where((c.state == "running") | due, c.deleted_at.is_(None), why.is_not(None))
        .limit(_AT_ONCE)
    )
    rows = await desk.database.read(lambda connection: connection.execute(void).all())
    async with anyio.create_task_group() as group:
        for row in rows:
            who = Principal.operator(row.tenant_id)
            group.start_soon(_cancel, desk, who, row.id, row.why)
    return len(rows)


async def _cancel(desk: Desk, who: Principal, job_id: str, why: str) -> None:
    with suppress(JobNotCancellableError, NotFoundError, DatabaseError):
        await cancel(desk, who, job_id, f"stopped: {why}")


async def _concerning(
    desk: Desk, row: Row[Any], switches: tuple[Switch, ...]
) -> Switch | None:
    """Return the switch that stops a job, by what it names and what it has begun."""
    for switch in switches:
        if switch.stops(row.tenant_id, (), ()):
            return switch
    if not any(s.tenant_id in (None, row.tenant_id) for s in switches):
        return None
    agents, tools = await _reached(desk, row)
    for switch in switches:
        if switch.stops(row.tenant_id, agents, tools):
            return switch
    return None


async def _reached(desk: Desk, row: Row[Any]) -> tuple[set[str], set[str]]:
    agents: set[str] = set()
    tools: set[str] = set()
    try:
        workflow = workflow_of(Asked.again(row), desk.engine)
        agents.update(agents_of(workflow, desk.engine))
        events = await desk.engine.journal.read(row.id)
    except (zg.ZeroGravityError, zg.RunNotFoundError):
        return agents, tools
    for event in events:
        match event:
            case zg.StepStarted(agent=agent):
                agents.add(agent)
            case zg.ToolStarted(tool=tool):
                tools.add(tool)
            case zg.ModelCalled(provider=provider):
                tools.add(provider)  # which a plugin offers as well
    return agents, tools
