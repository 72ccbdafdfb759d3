"""Every event is a line, and every run is one."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import anyio
import pytest
import zg_jsonl.plugin

import zg_core as zg
from zg_core.testing import ScriptedProvider

ID = "zg-jsonl-plugin"  # of the module, where no distribution gives it one


class Agents:
    """One that asks and calls, and one that fails."""

    @zg.hookimpl
    def zg_register_agents(self) -> list[zg.AgentSpec]:
        return [
            zg.AgentSpec(name="asks", factory=Asks),
            zg.AgentSpec(name="fails", factory=Fails),
        ]

    @zg.hookimpl
    def zg_register_tools(self) -> list[zg.ToolSpec]:
        return [half]


@zg.tool
def half(number: int) -> int:
    """Halve an even number."""
    if number % 2:
        raise zg.Retry("give an even number")
    return number // 2


class Asks:
    async def run(self, ctx: zg.Context) -> zg.Reply:
        await ctx.call_tool("half", {"number": 4})
        await ctx.call_tool("half", {"number": 5})
        answer = await ctx.complete([zg.Message.user(ctx.prompt)])
        return zg.Reply(output=answer.text)


class Fails:
    async def run(self, ctx: zg.Context) -> zg.Reply:
        raise zg.RunError("it went wrong", "try something else")


def run(folder: Path, *agents: str, **enabled: tuple[str, ...]) -> list[zg.Event]:
    """Do a run of each agent, and return the last one's events."""
    section = {
        "events": str(folder / "events" / "all.jsonl"),
        "ledger": str(folder / "ledger" / "runs.jsonl"),
    }
    config = zg.Config(plugins_config={ID: section}, **enabled)

    async def work() -> list[zg.Event]:
        model = ScriptedProvider("answered", repeat=True)
        async with zg.Engine.open(
            zg_jsonl.plugin,
            Agents(),
            model,
            config=config,
            journal="memory",
            discover=False,
        ) as engine:
            events: list[zg.Event] = []
            for agent in agents:
                flow = zg.Workflow("flow", (zg.Step("only", agent=agent),))
                options = zg.RunOptions(model="scripted:any", out=str(folder / agent))
                run_id = await engine.accept(flow, "x", options=options)
                with contextlib.suppress(zg.ZeroGravityError):
                    await engine.resume(run_id)
                events = list(await engine.journal.read(run_id))
            return events

    return anyio.run(work)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_event_is_a_line(tmp_path: Path) -> None:
    events = run(tmp_path, "asks", exporters_enabled=("jsonl",))

    written = lines(tmp_path / "events" / "all.jsonl")
    assert written == [json.loads(json.dumps(zg.event_document(e))) for e in events]


def test_every_run_is_a_line_in_the_ledger(tmp_path: Path) -> None:
    run(tmp_path, "asks", "fails", observers_enabled=(ID,))

    asked, failed = lines(tmp_path / "ledger" / "runs.jsonl")
    assert asked["status"] == "completed"
    assert asked["steps"] == {"only (agents:asks)": "finished"}
    assert asked["calls"] == {"agents:half": 2, "scripted:any": 1}
    assert asked["failures"] == {"agents:half": 1}
    assert asked["tokens"] > 0
    assert failed["status"] == "failed"
    assert failed["error"] == "it went wrong"


@pytest.mark.parametrize("agent", ["asks", "fails"])
def test_nothing_is_written_unless_it_is_asked_for(tmp_path: Path, agent: str) -> None:
    run(tmp_path, agent)

    assert not (tmp_path / "events").exists()
    assert not (tmp_path / "ledger").exists()
