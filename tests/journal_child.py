"""A process that writes runs, for tests that kill or freeze it.

``journal_child.py PLACE LEASE RUN…``: makes and claims each run, adds events to all
of them as fast as it can (with one run: one for each line it reads), and prints run
and number of each event that is on disk; ``RUN lost`` when it is refused. PLACE is a
file, or the address of a PostgreSQL database.
"""

from __future__ import annotations

import asyncio
import sys

from zg_core import Journal, RunAccepted, RunBusyError, Step, Workflow
from zg_core.events import Event, Progressed
from zg_plugins_builtin.journals.sqlite import SqliteJournal

FORK = """
import asyncio, os, sys
from journal_child import accepted, opened, progressed
from zg_core import JournalError

async def main(place):
    journal = opened(place, 15.0)
    await journal.create(accepted("a"))
    epoch = await journal.claim("a")
    child = os.fork()
    if not child:
        for attempt in (journal.read("a"), journal.claim("a")):
            try:
                attempt.send(None)
            except JournalError as error:
                print(error.cause, flush=True)
        os._exit(0)
    os.waitpid(child, 0)
    await journal.append("a", epoch, progressed("a", 2))
    await journal.close()

asyncio.run(main(sys.argv[1]))
"""
"""A program that forks with its journal open, whose child tries to use that."""


def accepted(run_id: str, objective: str = "make it") -> RunAccepted:
    return RunAccepted(
        seq=1,
        at="2026-01-01T00:00:00.000Z",
        run_id=run_id,
        objective=objective,
        workflow=Workflow("solo", (Step("work", agent="zerogravity:engineer"),)),
    )


def progressed(run_id: str, *seqs: int, text: str = "on") -> list[Event]:
    return [
        Progressed(seq=seq, run_id=run_id, step="work", message=text) for seq in seqs
    ]


def opened(place: str, lease_seconds: float) -> Journal:
    if place.startswith("postgresql:"):
        from zg_plugins_builtin.journals.postgres import PostgresJournal

        return PostgresJournal(place, lease_seconds=lease_seconds)
    return SqliteJournal(place, lease_seconds=lease_seconds)


async def write(journal: Journal, run_id: str, *, on_demand: bool) -> None:
    await journal.create(accepted(run_id))
    epoch = await journal.claim(run_id)
    seq = 1
    while True:
        print(run_id, seq, flush=True)
        if on_demand:
            await asyncio.to_thread(sys.stdin.readline)
        seq += 1
        try:
            await journal.append(run_id, epoch, progressed(run_id, seq, text="child"))
        except RunBusyError:
            print(run_id, "lost", flush=True)
            return


async def main(place: str, lease_seconds: str, *run_ids: str) -> None:
    journal = opened(place, float(lease_seconds))
    on_demand = len(run_ids) == 1
    await asyncio.gather(*(write(journal, r, on_demand=on_demand) for r in run_ids))
    await journal.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
