"""A run with some of everything, killed at any event, ends as if it never had been."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeGuard

import anyio
import pytest
from faults.rich import DECIDED, FAILS_ONCE, World, answer, meaning, unsure

import zg_core as zg
from zg_core.testing.wire import Fault, WireAnswer, WireRequest, WireServer
from zg_plugins_builtin.journals.sqlite import SqliteJournal

pytestmark = [pytest.mark.anyio, pytest.mark.heavy, pytest.mark.timeout(900)]
SCRIPTS = Path(__file__).parent
AT_ONCE = 2
WHEN = ("after", "before")
EVER = (*WHEN, "within")


class Model:
    """What the server answers, and how often each run asked what.

    Attributes:
        asked: By run, what each process asked: its number, the body, the request's id.
    """

    def __init__(self) -> None:
        self.asked: dict[str, list[tuple[int, str, str]]] = {}

    def __call__(self, request: WireRequest) -> WireAnswer:
        _, _, key = request.headers["authorization"].partition(" sk-")
        run, _, process = key.rpartition("-")
        log = self.asked.setdefault(run, [])
        body = json.dumps(request.body, sort_keys=True)
        again = any(body == before for _, before, _ in log)
        log.append((int(process), body, f"req_{request.number}"))
        messages = request.body["messages"]
        prompt = next(_text(m) for m in messages if m["role"] == "user")
        if prompt == FAILS_ONCE and not again:
            return Fault(status=503, retry_after=0)
        said = answer(prompt, fresh=messages[-1]["role"] == "user")
        if isinstance(said, str):
            return said
        return zg.Response(
            message=zg.Message(role="assistant", parts=said),
            stop_reason="tool_calls",
            usage=zg.Usage(input_tokens=10, output_tokens=5, calls=1),
        )


def _text(message: Any) -> str:
    content = message["content"]
    return content if isinstance(content, str) else str(content[0]["text"])


@dataclass(frozen=True)
class Played:
    """A run that came to its end.

    Attributes:
        folder: Where it is.
        events: Its events.
        on_disk: How many of them were on disk when it was cut.
        process: The number of the process that was killed.
        lines: What tools had done by then, by file.
        name: What its requests call it.
    """

    folder: Path
    events: Sequence[zg.Event]
    on_disk: int = 0
    process: int = 0
    lines: Mapping[str, Sequence[str]] = field(default_factory=dict)
    name: str = ""

    @property
    def recorded(self) -> Sequence[zg.Event]:
        """What was on disk when it was cut."""
        return self.events[: self.on_disk]

    def keys(self, kind: type[zg.ToolStarted | zg.ToolFinished]) -> set[str]:
        """Return the tool calls that were begun, or ended, when it was cut."""
        return {e.call_key for e in self.recorded if isinstance(e, kind)}

    @property
    def files(self) -> dict[str, bytes]:
        """The files it wrote."""
        out = self.folder / "out"
        files = (path for path in out.rglob("*") if path.is_file())
        return {str(path.relative_to(out)): path.read_bytes() for path in files}


async def events_of(folder: Path) -> list[zg.Event]:
    journal = SqliteJournal(folder / "runs.db")
    try:
        return await journal.read("r1")
    finally:
        await journal.close()


@asynccontextmanager
async def serving() -> AsyncGenerator[tuple[str, Model], None]:
    model = Model()
    async with WireServer(script=model) as server:
        yield server.url, model


async def script(name: str, *arguments: str) -> list[Any]:
    """Have a script done, and return its lines of JSON."""
    done = await anyio.run_process(
        [sys.executable, str(SCRIPTS / name), *arguments],
        env={**os.environ, "PYTHONPATH": str(SCRIPTS.parent)},
        check=False,
        stderr=sys.stderr,
    )
    assert done.returncode == 0
    return [json.loads(line) for line in done.stdout.splitlines()]


async def played(server: str, folder: Path, *cuts: str) -> list[Played]:
    """Do one run that is not cut, and one for each cut."""
    lines = await script("cut_rich.py", server, str(folder), *cuts)
    folders = [Path(line["folder"]) for line in lines]
    return [
        Played(folder, await events_of(folder), name=folder.name, **line["at_kill"])
        for folder, line in zip(folders, lines, strict=True)
    ]


# -- What must hold --------------------------------------------------------------------


def check_same(run: Played, uncut: Played) -> None:
    """See that it came to the same, and was taken up where it was cut."""
    where, but = run.name, unsure(run.events)
    assert meaning(run.events, but=but) == meaning(uncut.events, but=but), where
    assert run.files == uncut.files, where
    after = run.events[run.on_disk]
    taken_up = (zg.RunStarted, zg.RunResumed, zg.ApprovalDecided, zg.InputGiven)
    assert isinstance(after, taken_up), where


def check_requests(run: Played, uncut: Played, model: Model) -> None:
    """See that the model was asked what was not recorded, once, and nothing else."""
    log = model.asked[run.name]
    body_of = {request_id: body for _, body, request_id in log}
    answers = [e for e in run.recorded if isinstance(e, zg.ModelAnswered)]
    recorded = {body_of[str(event.response.request_id)] for event in answers}
    assert len(recorded) == len(answers)
    before = {body for process, body, _ in log if process <= run.process}
    after = Counter(body for process, body, _ in log if process > run.process)
    every = Counter(body for _, body, _ in model.asked[uncut.name])
    expected = {
        body: times - (body in before and times > 1)
        for body, times in every.items()
        if body not in recorded
    }
    assert after == expected, run.name


def check_tools(run: Played, uncut: Played) -> None:
    """See that nothing was done again of which anybody knew that it was done."""
    where, world = run.name, World(run.folder)
    assert world.lines("books") == ["bought a shed"], where
    assert world.lines("paid") == [str(DECIDED["amount"])], where
    stamps = Counter(world.lines("stamps"))
    assert stamps.keys() == {*World(uncut.folder).lines("stamps")}, where
    known, stamped = run.keys(zg.ToolFinished), Counter(run.lines["stamps"])
    for key, times in stamps.items():
        assert times == stamped[key] + (key not in known), where


def check_unsure(run: Played) -> None:
    """See that a person was asked, and waited for, where nobody knew."""
    begun = [
        event
        for event in run.recorded
        if isinstance(event, zg.ToolStarted)
        and event.effect == "once"
        and event.call_key not in run.keys(zg.ToolFinished)
    ]
    assert unsure(run.events) == {event.call_key for event in begun}, run.name
    for event in begun:
        later = [e for e in run.events[run.on_disk :] if _is_about(e, event.call_key)]
        asked, paused, decided, *made = later
        assert isinstance(asked, zg.ApprovalRequested)
        assert asked.arguments == event.arguments
        assert isinstance(paused, zg.RunPaused)
        assert isinstance(decided, zg.ApprovalDecided)
        done = run.lines[_FILE[event.tool]]
        assert decided.allow == (not done)
        kinds = [zg.ToolFinished] if done else [zg.ToolStarted, zg.ToolFinished]
        assert [type(e) for e in made] == kinds, run.name


def is_intent(event: zg.Event, key: str) -> TypeGuard[zg.ToolStarted]:
    """Tell whether an event is that a tool is about to be called."""
    return isinstance(event, zg.ToolStarted) and event.call_key == key


_FILE = {"offering:enter": "books", "offering:pay": "paid"}


def _is_about(event: zg.Event, key: str) -> bool:
    return isinstance(event, zg.RunPaused) or getattr(event, "call_key", "") == key


def check(run: Played, uncut: Played, model: Model) -> None:
    """See that a run ended as one that was not cut, and repeated nothing."""
    check_same(run, uncut)
    check_requests(run, uncut, model)
    check_tools(run, uncut)
    check_unsure(run)


# -- Killed ----------------------------------------------------------------------------


async def test_killed_at_any_event_a_run_ends_the_same_and_repeats_nothing(
    tmp_path: Path,
) -> None:
    async with serving() as (server, model):
        [uncut] = await played(server, tmp_path / "first")
        whole = len(uncut.events)
        cuts = [f"{n}-{when}" for n in range(2, whole) for when in ("before", "after")]
        cuts = ["1-after", *cuts, f"{whole}-before"]
        runs: list[Played] = []

        async def play(folder: Path, part: Sequence[str]) -> None:
            runs.extend((await played(server, folder, *part))[1:])

        async with anyio.create_task_group() as tasks:
            for number in range(AT_ONCE):
                part = cuts[number::AT_ONCE]
                tasks.start_soon(play, tmp_path / str(number), part)

    assert len(runs) == len(cuts)
    for run in runs:
        check(run, uncut, model)


async def test_killed_around_a_tool_nobody_knows_of_a_person_decides(
    tmp_path: Path,
) -> None:
    cuts = [f"{tool}-{when}" for tool in ("enter", "pay") for when in EVER]
    async with serving() as (server, model):
        [uncut, *runs] = await played(server, tmp_path / "runs", *cuts)

    for run in runs:
        check(run, uncut, model)
        [key] = unsure(run.events)
        [file] = {_FILE[e.tool] for e in run.recorded if is_intent(e, key)}
        assert bool(run.lines[file]) == (not run.name.endswith("after"))


async def test_killed_around_a_tool_that_may_be_repeated_nobody_is_asked(
    tmp_path: Path,
) -> None:
    cuts = [f"{tool}-{when}" for tool in ("stamp", "ask_agent") for when in WHEN]
    cuts += ["stamp-within"]
    async with serving() as (server, model):
        [uncut, *runs] = await played(server, tmp_path / "runs", *cuts)

    for run in runs:
        check(run, uncut, model)
        asked = [e for e in run.events if isinstance(e, zg.ApprovalRequested)]
        assert {e.tool for e in asked} <= {"", *_FILE}


async def test_killed_by_what_another_process_decides_it_has_decided_it_once(
    tmp_path: Path,
) -> None:
    async with serving() as (server, model):
        cuts = [f"decision-{when}" for when in WHEN]
        [uncut, *runs] = await played(server, tmp_path / "runs", *cuts)

    for run in runs:
        check(run, uncut, model)
        decided = [e for e in run.events if isinstance(e, zg.ApprovalDecided)]
        assert any(event.request_id for event in decided)
        assert len(decided) == len({event.call_key for event in decided})


async def test_a_run_goes_on_on_another_machine_once_the_first_is_silent(
    tmp_path: Path,
) -> None:
    async with serving() as (server, model):
        [uncut] = await played(server, tmp_path / "first")
        [line] = await script("moved_rich.py", server, str(tmp_path / "machines"))
        folder = Path(line["folder"])
        events = await events_of(folder)
    run = Played(folder, events, name="moved", **line["at_kill"])

    assert "is doing run 'r1'" in line["busy"]
    check(run, uncut, model)
