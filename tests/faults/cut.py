"""Run one objective over and over, and SIGKILL each run one event later.

``cut.py SERVER FOLDER``: SERVER is the root of a model server. For each event of an
uncut run it makes a run, kills it with SIGKILL once that event is on disk, resumes
it in a fresh process, and prints one JSON document a line: what was on disk at the
kill, what the run gave in the end, and how often the server had been asked by then.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

import aiohttp  # noqa: F401 - loaded once, before the processes part
import anyio
import openai  # noqa: F401

import zg_core as zg
from zg_plugins_builtin.journals.sqlite import SqliteJournal

OBJECTIVE = "Build a booking application for a yoga studio"


class Deadly(SqliteJournal):
    """A journal that kills its process as soon as one event is on disk."""

    def __init__(self, path: Path, after: int) -> None:
        super().__init__(path)
        self._after = after

    async def append(
        self,
        run_id: str,
        epoch: int,
        events: Sequence[zg.Event],
        *,
        durable: bool = True,
    ) -> None:
        await super().append(run_id, epoch, events, durable=True)
        if events[-1].seq >= self._after:
            os.kill(os.getpid(), signal.SIGKILL)


async def work(journal: SqliteJournal, out: Path) -> None:
    options = zg.RunOptions(model="openai:gpt-test", out=str(out))
    async with zg.Engine.open(journal=journal) as engine:
        await engine.run("optimized", OBJECTIVE, options=options, run_id="r1")


def apart(body: Callable[[], None]) -> int:
    """Do something in a process of its own, and return how that ended."""
    child = os.fork()
    if child == 0:
        try:
            body()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


async def events_of(path: Path) -> list[zg.Event]:
    journal = SqliteJournal(path)
    try:
        return await journal.read("r1")
    finally:
        await journal.close()


def recorded(path: Path) -> list[zg.JsonObject]:
    return [zg.event_document(event) for event in anyio.run(events_of, path)]


def asked(server: str) -> int:
    with urllib.request.urlopen(f"{server}/_requests") as answer:
        return len(json.load(answer))


def run_cut(server: str, here: Path, cut: int) -> zg.JsonObject:
    """Do one run, killed after an event unless *cut* is 0, and then resumed."""
    path, out = here / "runs.db", here / "out"
    here.mkdir(parents=True)
    at_kill: list[zg.JsonObject] = []
    if cut:
        code = apart(lambda: anyio.run(work, Deadly(path, max(cut, 2)), out))
        assert code == -signal.SIGKILL, code
        at_kill = recorded(path)
    before = asked(server)
    assert apart(lambda: anyio.run(work, SqliteJournal(path), out)) == 0
    files = sorted(path for path in out.rglob("*") if path.is_file())
    return {
        "cut": cut,
        "at_kill": at_kill,
        "events": recorded(path),
        "files": {str(file.relative_to(out)): file.read_text() for file in files},
        "asked_after": asked(server) - before,
    }


def main(server: str, folder: Path) -> None:
    os.environ["OPENAI_BASE_URL"] = f"{server}/v1"
    uncut = run_cut(server, folder / "0", 0)
    print(json.dumps(uncut), flush=True)
    for cut in range(1, len(uncut["events"])):
        print(json.dumps(run_cut(server, folder / str(cut), cut)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
