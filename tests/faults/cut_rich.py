"""Do one rich run over and over, and SIGKILL each run at another event.

``cut_rich.py SERVER FOLDER CUT…``: SERVER is the root of a model server. A cut is what
a process dies at and when: ``17-after`` is when event 17 is on disk, and ``17-before``
when it was to be written, and all before it are; ``pay-after`` is when the intent to
call that tool is on disk, ``pay-within`` when it has just done what it does, and
``pay-before`` when its result was to be written; ``decision-…`` is about what people
decide while the run goes on. Then others go on with the run, and people decide what it
asks, from processes of their own. Before these one run is not cut. For each run there
is a line of JSON: its folder, and what was on disk at the kill, of events and of what
tools had done.

A model's requests say in their key who makes them: ``sk-CUT-PROCESS``, from 1.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import aiohttp  # noqa: F401 - loaded once, before the processes part
import anyio
import openai  # noqa: F401
from faults.rich import FILES, WORKFLOW, World, decide

import zg_core as zg
from zg_plugins_builtin.journals.sqlite import SqliteJournal

__all__ = ["Cut", "Play", "Work"]

Work: TypeAlias = Callable[[zg.Engine], Awaitable[None]]

_DECISION = "decision"
_QUESTIONS = 3
_PAUSED = 5
_MOST_PROCESSES = 12


@dataclass(frozen=True)
class Cut:
    """Where a run is cut.

    Attributes:
        at: The number of the event, the tool that it is about, or ``decision``.
        when: Whether the event is on disk (``after``), is not written any more
            (``before``), or is not to be waited for (``within``).
    """

    at: int | str
    when: str

    @classmethod
    def parse(cls, text: str) -> Cut:
        at, _, when = text.partition("-")
        return cls(int(at) if at.isdecimal() else at, when)

    @property
    def before(self) -> bool:
        """Whether the event is not written any more."""
        return self.when == "before"

    def is_at(self, event: zg.Event) -> bool:
        """Tell whether it is at an event."""
        if self.when == "within":
            return False
        if isinstance(self.at, int):
            return event.seq == self.at
        if self.at == _DECISION:
            return isinstance(event, zg.ApprovalDecided)
        kind = zg.ToolFinished if self.before else zg.ToolStarted
        return isinstance(event, kind) and event.tool.endswith(f":{self.at}")


class Deadly(SqliteJournal):
    """A journal that kills its process at one event."""

    def __init__(self, path: Path, cut: Cut) -> None:
        super().__init__(path)
        self._cut = cut
        self._dying = False

    async def create(self, accepted: zg.RunAccepted) -> None:
        await super().create(accepted)
        if self._cut == Cut(1, "after"):
            self._die(1)

    async def append(
        self,
        run_id: str,
        epoch: int,
        events: Sequence[zg.Event],
        *,
        durable: bool = True,
    ) -> None:
        (event,) = events
        if self._dying:
            await anyio.sleep_forever()
        self._dying = self._cut.is_at(event)
        if self._dying and self._cut.before:
            await self.release(run_id, -1)  # which does nothing, after all the others
            self._die(event.seq - 1)
        dies = self._dying
        await super().append(run_id, epoch, events, durable=durable or dies)
        if dies:
            self._die(event.seq)

    def _die(self, on_disk: int) -> None:
        self._path.with_name("killed").write_text(str(on_disk))
        os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class Play:
    """One run, done by one process after another.

    Attributes:
        server: The root of the model server.
        folder: Where its journal is.
        cut: Where a process is killed; `None` once that is done, or if none is.
        name: What its requests call it; empty is as its folder.
    """

    server: str
    folder: Path
    cut: Cut | None = None
    name: str = ""

    @property
    def world(self) -> World:
        """What its tools leave, which is beside the journal."""
        within = self.cut is not None and self.cut.when == "within"
        return World(self.folder, deadly=str(self.cut.at) if within else "")

    def apart(self, number: int, work: Work) -> int:
        """Do something in a process of its own, and return how that ended."""
        return ended(self.begin(number, work))

    def begin(self, number: int, work: Work) -> int:
        """Begin something in a process of its own, and return its id."""
        child = os.fork()
        if child == 0:
            code = 1
            try:
                code = self.here(number, work)
            finally:
                if error := sys.exc_info()[1]:
                    traceback.print_exception(error)
                sys.stderr.flush()
                os._exit(code)
        return child

    def here(self, number: int, work: Work) -> int:
        """Do something in this process, and return how that ended."""
        name = self.name or self.folder.name
        os.environ["OPENAI_API_KEY"] = f"sk-{name}-{number}"
        os.environ["OPENAI_BASE_URL"] = f"{self.server}/v1"
        try:
            anyio.run(self._opened, work)
        except zg.RunPausedError:
            return _PAUSED
        return 0

    async def _opened(self, work: Work) -> None:
        path = self.folder / "runs.db"
        journal = Deadly(path, self.cut) if self.cut else SqliteJournal(path)
        try:
            plugin = self.world.plugin()
            async with zg.Engine.open(plugin, journal=journal, discover=()) as engine:
                await work(engine)
        finally:
            await journal.close()

    async def _count(self) -> int:
        journal = SqliteJournal(self.folder / "runs.db")
        try:
            return len(await journal.read("r1"))
        finally:
            await journal.close()

    async def accept(self, engine: zg.Engine) -> None:
        """Have there be the run."""
        out = str(self.folder / "out")
        options = zg.RunOptions(model="openai:gpt-test", out=out)
        await engine.accept(
            WORKFLOW, "Build it", options=options, run_id="r1", files=FILES
        )

    async def go_on(self, engine: zg.Engine) -> None:
        """Take the run up; if there is none yet, begin it."""
        if not await engine.journal.list():
            await self.accept(engine)
        await engine.resume("r1")

    async def attend(self, engine: zg.Engine) -> None:
        """Take the run up, and wait for what people say."""
        async for _ in engine.stream_run("r1", attended=True):
            pass

    async def decide_meanwhile(self, engine: zg.Engine) -> None:
        """Wait until people are asked all there is to be asked, and say it."""
        asked = 0
        async with aclosing(engine.journal.subscribe("r1")) as events:
            async for event in events:
                asked += isinstance(event, zg.ApprovalRequested | zg.InputRequested)
                if asked == _QUESTIONS:
                    break
        await self.decide(engine)

    async def decide(self, engine: zg.Engine) -> None:
        """Say what people are asked."""
        await decide(engine, self.world, "r1")

    def to_the_end(self, number: int, work: Work, early: bool) -> zg.JsonObject:
        """Do the run, and return what was on disk when it was cut.

        Args:
            number: Of the first process.
            work: What that does.
            early: Whether people are told of a run that was cut what it asks, before
                anybody takes it up.
        """
        at_kill: zg.JsonObject = {}
        apart = self.apart if self.cut else self.here
        for process in range(number, number + _MOST_PROCESSES):
            code = apart(process, work)
            if code == -signal.SIGKILL and self.cut:
                self.cut = None
                at_kill = self.seen(process)
                work = self.decide if early else self.go_on
            elif code == _PAUSED:
                work = self.decide
            elif code == 0 and work == self.decide:
                work = self.go_on
            else:
                assert code == 0, f"process {process} of {self.folder} ended: {code}"
                return at_kill
        raise AssertionError(f"{self.folder} comes to no end")

    def decided_meanwhile(self) -> zg.JsonObject:
        """Do the run while others decide, and return what was on disk when it was cut.

        They ask its owner to write down what they say, and it dies of that.
        """
        accepted = replace(self, cut=None).apart(1, self.accept)
        doing = self.begin(2, self.attend)
        deciding = replace(self, cut=None).begin(3, self.decide_meanwhile)
        codes = accepted, ended(doing), ended(deciding)
        assert codes == (0, -signal.SIGKILL, 0), codes
        at_kill, self.cut = self.seen(2), None
        self.to_the_end(4, self.go_on, early=False)
        return at_kill

    def seen(self, process: int) -> zg.JsonObject:
        """Return what was on disk when a process was killed."""
        killed = self.folder / "killed"
        return {
            "process": process,
            "on_disk": int(killed.read_text())
            if killed.exists()
            else anyio.run(self._count),
            "lines": {name: self.world.lines(name) for name in self.world.files},
        }


def ended(child: int) -> int:
    """Wait for a process, and return how it ended."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(server: str, folder: Path, *cuts: str) -> None:
    for number, cut in enumerate(("", *cuts)):
        name = cut or f"uncut-{folder.name}"
        run = Play(server, folder / name, Cut.parse(cut) if cut else None)
        run.folder.mkdir(parents=True)
        early = bool(number % 2) and cut != "1-after"
        if run.cut and run.cut.at == _DECISION:
            at_kill = run.decided_meanwhile()
        else:
            at_kill = run.to_the_end(1, run.go_on, early)
        print(json.dumps({"folder": str(run.folder), "at_kill": at_kill}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
