"""A run with some of everything, cut after any event, ends as if it never had been.

Here an error ends the run's engine; in ``tests/faults`` a signal ends its process.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from faults.rich import (
    DECIDED,
    FAILS_ONCE,
    FILES,
    WORKFLOW,
    World,
    answer,
    decide,
    meaning,
    unsure,
)

import zg_core as zg
from zg_core.plugin_api import ProviderUnavailableError
from zg_core.running import pausing
from zg_core.testing import ScriptedProvider

pytestmark = pytest.mark.anyio


class Cut(zg.MemoryJournal):
    """A journal whose owner dies right after one event is on disk."""

    after: int | None = None

    async def append(
        self,
        run_id: str,
        epoch: int,
        events: Sequence[zg.Event],
        *,
        durable: bool = True,
    ) -> None:
        await super().append(run_id, epoch, events, durable=durable)
        if self.after is not None and events[-1].seq >= self.after:
            raise zg.JournalError("the machine died")


class Model:
    """Answers, but for the first time that it is asked one thing."""

    def __init__(self) -> None:
        self.provider = ScriptedProvider(self._answer, repeat=True)
        self._failed = False

    @property
    def asked(self) -> Counter[str]:
        """How often it was asked each thing."""
        return Counter(repr(request.messages) for request in self.provider.requests)

    def _answer(
        self, request: zg.Request
    ) -> str | tuple[zg.ToolCall, ...] | ProviderUnavailableError:
        prompt = next(m.text for m in request.messages if m.role == "user")
        if prompt == FAILS_ONCE and not self._failed:
            self._failed = True
            return ProviderUnavailableError("it is busy", "wait", retry_after=0)
        return answer(prompt, fresh=request.messages[-1].role == "user")


async def play(
    folder: Path, *, after: int | None = None, again: int = 0
) -> tuple[Sequence[zg.Event], World, Model]:
    """Do the run, cut after an event, and have people say what it asks.

    Args:
        folder: Where its files go.
        after: The event; `None` is that it is not cut.
        again: How many events later it is cut again, and again; 0 is that it is not.
    """
    folder.mkdir()
    world, model, journal = World(folder), Model(), Cut()
    journal.after = after
    options = zg.RunOptions(model="scripted:any", out=str(folder / "out"))
    async with zg.Engine.open(
        world.plugin(), model.provider, journal=journal, discover=()
    ) as engine:
        await engine.accept(
            WORKFLOW, "Build it", options=options, run_id="r", files=FILES
        )
        while not (await engine.result("r")).output:
            with suppress(zg.RunPausedError):
                try:
                    await engine.resume("r")
                except zg.JournalError:
                    on_disk = len(await journal.read("r"))
                    journal.after = on_disk + again if again else None
            with suppress(zg.JournalError):
                await decide(engine, world, "r")
        return await journal.read("r"), world, model


def intents(events: Sequence[zg.Event]) -> list[zg.ToolStarted]:
    """Return the calls that are about to be made, and must not be made twice."""
    started = [event for event in events if isinstance(event, zg.ToolStarted)]
    return [event for event in started if event.effect == "once"]


async def test_cut_anywhere_it_ends_the_same_and_repeats_nothing_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pausing, "_SETTLE", 0.0)
    uncut, _, whole = await play(tmp_path / "uncut")

    # Each would take long; those are here after which nobody knows what was done.
    for after in {*range(2, len(uncut), 9), *(event.seq for event in intents(uncut))}:
        events, world, model = await play(tmp_path / str(after), after=after)

        but = unsure(events)
        assert meaning(events, but=but) == meaning(uncut, but=but), after
        check_done_once(events, world)
        assert model.asked.keys() == whole.asked.keys()


def check_done_once(events: Sequence[zg.Event], world: World) -> None:
    """See that nothing has two answers, or was done twice that must not be."""
    answers = [e.call_key for e in events if isinstance(e, zg.ModelAnswered)]
    assert len(answers) == len({*answers})
    assert world.lines("books") == ["bought a shed"]
    assert world.lines("paid") == [str(DECIDED["amount"])]


async def test_cut_again_and_again_it_ends_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pausing, "_SETTLE", 0.0)
    uncut, _, _ = await play(tmp_path / "uncut")

    # In fewer than twenty events it would get no further than to begin all its steps.
    for again in (20, 29, 38):
        folder = tmp_path / str(again)
        events, world, _ = await play(folder, after=again, again=again)

        but = unsure(events)
        assert meaning(events, but=but) == meaning(uncut, but=but), again
        check_done_once(events, world)
        assert sum(isinstance(event, zg.RunResumed) for event in events) > 2


async def test_who_is_asked_whether_it_was_done_sees_what_was_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pausing, "_SETTLE", 0.0)
    uncut, _, _ = await play(tmp_path / "uncut")
    [paid] = [event for event in intents(uncut) if event.tool == "offering:pay"]

    events, _, _ = await play(tmp_path / "cut", after=paid.seq)

    [*_, asked] = [
        event
        for event in events
        if isinstance(event, zg.ApprovalRequested) and event.call_key == paid.call_key
    ]
    assert asked.reason.startswith("nobody knows")
    assert asked.arguments == paid.arguments == DECIDED
