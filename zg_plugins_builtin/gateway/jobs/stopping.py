"""Cancel the jobs that run and that a kill switch concerns, whoever does them."""

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
from ..limits import Switch
from . import tables
from .asked import Asked, agents_of, workflow_of
from .cancelling import cancel
from .desk import Desk

__all__ = ["stop_all", "watch_switches"]

_log = logging.getLogger(__name__)
JOBS = tables.jobs
_LOOK_EVERY = 1.0


async def watch_switches(desk: Desk) -> None:
    """Look every second what was stopped, and cancel what runs of it; for ever."""
    while True:
        try:
            await stop_all(desk)
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
                group.start_soon(_cancel, desk, row, switch)
                stopped += 1
    return stopped


async def _cancel(desk: Desk, row: Row[Any], switch: Switch) -> None:
    who = replace(Principal.operator(row.tenant_id), sub=switch.set_by)
    with suppress(JobNotCancellableError, NotFoundError, DatabaseError):
        await cancel(desk, who, row.id, f"stopped: {switch.reason}")


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
