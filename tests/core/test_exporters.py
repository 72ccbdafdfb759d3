"""Exporters get the events of all runs, and cannot hold anything up."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from offering import Offering, flow, say

import zg_core as zg

pytestmark = pytest.mark.anyio


class Keeps:
    """Keeps what it gets."""

    def __init__(self) -> None:
        self.batches: list[Sequence[zg.Event]] = []
        self.ended: list[str] = []

    def export(self, events: Sequence[zg.Event]) -> None:
        self.batches.append(events)

    async def flush(self, seconds: float) -> None:
        assert 0 < seconds <= 2
        self.ended.append("flush")

    def close(self) -> None:
        self.ended.append("close")

    @property
    def events(self) -> list[zg.Event]:
        return [event for batch in self.batches for event in batch]


class Awaits(Keeps):
    async def export(self, events: Sequence[zg.Event]) -> None:  # type: ignore[override]
        await anyio.lowlevel.checkpoint()
        super().export(events)


def opened(*names: str, plugin: Any = None, **exporters: Any) -> Any:
    return zg.Engine.open(
        plugin or Offering(a=say("ok"), exporters=exporters),
        config=zg.Config(exporters_enabled=names or tuple(exporters)),
        journal=zg.MemoryJournal(),
        discover=False,
    )


@pytest.mark.parametrize("kind", [Keeps, Awaits])
async def test_an_exporter_gets_all_events_of_all_runs_in_order(kind: Any) -> None:
    keeps = kind()
    async with opened(keeps=keeps) as engine:
        for run_id in ("r1", "r2"):
            await engine.run(flow("a"), "x", run_id=run_id)
        recorded = [await engine.journal.read(run_id) for run_id in ("r1", "r2")]

    assert [e for e in keeps.events if e.run_id == "r1"] == recorded[0]
    assert [e for e in keeps.events if e.run_id == "r2"] == recorded[1]
    assert keeps.ended == ["flush", "close"]


async def test_one_that_is_installed_but_not_enabled_gets_nothing() -> None:
    keeps = Keeps()
    plugin = Offering(a=say("ok"), exporters={"keeps": keeps})
    async with zg.Engine.open(
        plugin, config=zg.Config(), journal="memory", discover=False
    ) as engine:
        await engine.run(flow("a"), "x")

    assert (keeps.batches, keeps.ended) == ([], [])


async def test_one_may_be_had_before_the_first_run() -> None:
    keeps = Keeps()
    async with opened(keeps=keeps) as engine:
        assert engine.exporter("keeps") is engine.exporter("offering:keeps") is keeps
        await engine.run(flow("a"), "x")
        with pytest.raises(zg.UnknownNameError):
            engine.exporter("gone")

    assert len(keeps.events) == 5
    assert keeps.ended == ["flush", "close"]


def test_it_gets_them_where_nothing_is_asynchronous(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ZG_EXPORTERS", "keeps")
    keeps = Keeps()

    zg.run_sync(flow("a"), "x", Offering(a=say("ok"), exporters={"keeps": keeps}))

    assert isinstance(keeps.events[-1], zg.RunFinished)
    assert keeps.ended == ["flush", "close"]


async def test_it_gets_how_runs_end_that_fail_go_on_or_are_cancelled() -> None:
    fails = [False, True]

    async def agent(ctx: zg.Context) -> zg.Reply:
        if fails.pop():
            raise ValueError("cut here")
        return zg.Reply(output="ok")

    keeps = Keeps()
    plugin = Offering(a=agent, exporters={"keeps": keeps})
    async with opened("keeps", plugin=plugin) as engine:
        with pytest.raises(zg.RunError, match="cut here"):
            await engine.run(flow("a"), "x", run_id="r1")
        await engine.resume("r1")
        await engine.accept(flow("a"), "x", run_id="r2")
        await engine.cancel("r2")

    ends = (zg.RunFailed, zg.RunResumed, zg.RunFinished, zg.RunCancelled)
    ended = [type(e) for e in keeps.events if isinstance(e, ends)]
    assert ended == list(ends)


async def test_it_cannot_change_what_it_gets() -> None:
    class Spoils(Keeps):
        def export(self, events: Sequence[zg.Event]) -> None:
            for event in events:
                if isinstance(event, zg.StepFinished):
                    event.output["x"] = 1000

    async def first(ctx: zg.Context) -> zg.Reply:
        return zg.Reply(output={"x": 1})

    async def second(ctx: zg.Context) -> zg.Reply:
        await anyio.sleep(0.05)
        return zg.Reply(output=dict(ctx.outputs))

    plugin = Offering(a=first, b=second, exporters={"spoils": Spoils()})
    async with opened("spoils", plugin=plugin) as engine:
        result = await engine.run(flow("a", "b", b="a"), "x")

    assert result.output == {"a": {"x": 1}}


async def test_batches_are_small_and_what_is_too_much_is_dropped_and_counted() -> None:
    class Slow(Keeps):
        def __init__(self) -> None:
            super().__init__()
            self.go_on = threading.Event()

        def export(self, events: Sequence[zg.Event]) -> None:
            self.go_on.wait(10)
            super().export(events)

    async def agent(ctx: zg.Context) -> zg.Reply:
        for number in range(1200):
            await ctx.progress(str(number))
        return zg.Reply(output="ok")

    slow = Slow()
    plugin = Offering(a=agent, exporters={"slow": slow})
    async with opened("slow", plugin=plugin) as engine:
        await engine.run(flow("a"), "x")
        slow.go_on.set()
    (found,) = engine.host.diagnostics

    sizes = [len(batch) for batch in slow.batches]
    assert max(sizes) == 100
    assert 1000 <= sum(sizes) < 1205
    assert (found.code, found.plugin) == ("ZG221", "offering")
    lost = 1205 - sum(sizes)
    assert f"'slow' lost {lost} of 1,205 events: it is too slow" in found.message


# -- Whatever becomes of it ------------------------------------------------------------


class Fails(Keeps):
    def export(self, events: Sequence[zg.Event]) -> None:
        self.batches.append(events)
        raise ConnectionError("nobody is there")

    async def flush(self, seconds: float) -> None:
        raise SystemExit(3)

    def close(self) -> None:
        self.ended.append("close")
        raise ValueError("cannot close")


async def test_one_that_fails_goes_on_and_it_is_said_once() -> None:
    fails, keeps = Fails(), Keeps()
    async with opened(fails=fails, keeps=keeps) as engine:
        for _ in range(5):
            await engine.run(flow("a"), "x")
            await anyio.sleep(0.02)
    (found,) = engine.host.diagnostics

    assert len(fails.batches) >= 4
    assert fails.ended == ["close"]
    assert len(keeps.events) == 25
    assert "'fails' lost 25 of 25 events: " in found.message


class Blocks(Keeps):
    def export(self, events: Sequence[zg.Event]) -> None:
        threading.Event().wait(30)


class Waits(Keeps):
    async def export(self, events: Sequence[zg.Event]) -> None:  # type: ignore[override]
        await anyio.sleep_forever()


class NeverFlushes(Keeps):
    def flush(self, seconds: float) -> None:  # type: ignore[override]
        threading.Event().wait(30)


class NeverCloses(Keeps):
    async def close(self) -> None:  # type: ignore[override]
        await anyio.sleep_forever()


class WillNotStop(Keeps):
    async def flush(self, seconds: float) -> None:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(3)


async def test_one_that_hangs_delays_a_run_not_and_the_end_by_two_seconds() -> None:
    """All at once, since each takes its two seconds."""
    bad: dict[str, Keeps] = {
        "blocks": Blocks(),
        "waits": Waits(),
        "flushes": NeverFlushes(),
        "closes": NeverCloses(),
        "stops": WillNotStop(),
    }
    keeps = Keeps()
    async with opened(**bad, keeps=keeps) as engine:
        began = time.monotonic()
        await engine.run(flow("a"), "x")
        ran = time.monotonic() - began
        began = time.monotonic()
    closed = time.monotonic() - began

    assert ran < 5
    assert closed < 2.9
    assert keeps.ended == ["flush", "close"]
    assert bad["blocks"].ended == bad["waits"].ended == ["flush", "close"]
    assert bad["flushes"].ended == ["close"]
    said = sorted(found.message.split("'")[1] for found in engine.host.diagnostics)
    assert said == ["blocks", "closes", "flushes", "stops", "waits"]


async def test_one_that_cannot_be_made_or_is_not_there_is_said_and_missed() -> None:
    class Unmade:
        @zg.hookimpl
        def zg_register_exporters(self) -> list[zg.ExporterSpec]:
            return [zg.ExporterSpec(name="unmade", factory="no:where")]

    keeps = Keeps()
    async with zg.Engine.open(
        Unmade(),
        Offering(a=say("ok"), exporters={"keeps": keeps}),
        config=zg.Config(exporters_enabled=("unmade", "gone", "keeps")),
        journal="memory",
        discover=False,
    ) as engine:
        for _ in range(2):
            result = await engine.run(flow("a"), "x")
        codes = [found.code for found in engine.host.diagnostics]

    assert result.output == "ok"
    assert len(keeps.events) == 10
    assert codes == ["ZG221", "ZG131"]


LEAVING = """
import threading
import anyio
import zg_core as zg
from offering import Offering, flow, say

class Blocks:
    def export(self, events):
        threading.Event().wait()

    flush = close = export

async def main():
    plugin = Offering(a=say("ok"), exporters={"blocks": Blocks()})
    config = zg.Config(exporters_enabled=("blocks",))
    async with zg.Engine.open(plugin, config=config, journal="memory") as engine:
        print((await engine.run(flow("a"), "x")).output)

anyio.run(main)
"""


async def test_a_process_ends_though_an_exporter_never_does() -> None:
    path = {"PYTHONPATH": str(Path(__file__).parent.parent)}
    with anyio.fail_after(30):
        done = await anyio.run_process(
            [sys.executable, "-c", LEAVING], env={**os.environ, **path}
        )

    assert done.stdout == b"ok\n"
