"""A run waits for a person, its process dies, and nothing is lost or done twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from installing import Site

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(300)]

SHOP = '''
    from pathlib import Path
    import anyio
    import zg_core as zg

    @zg.tool(requires_approval=True, effect="once")
    def pay(amount: int) -> str:
        """Pay."""
        with Path("paid.txt").open("a") as file:
            file.write(f"{amount}\\n")
        return f"paid {amount}"

    class Buyer:
        async def run(self, ctx):
            told = await ctx.call_tool("pay", {"amount": 3})
            return zg.Reply(output=told.output or told.error)

    class Keeper:
        """Keeps the process at work until there is a file."""

        async def run(self, ctx):
            while not Path("go").exists():
                await anyio.sleep(0.02)
            return zg.Reply(output="kept")

    @zg.hookimpl
    def zg_register_tools():
        return [pay]

    @zg.hookimpl
    def zg_register_agents():
        return [
            zg.AgentSpec(name="buyer", factory=Buyer),
            zg.AgentSpec(name="keeper", factory=Keeper),
        ]

    @zg.hookimpl
    def zg_register_workflows():
        steps = zg.Step("buy", agent="buyer"), zg.Step("keep", agent="keeper")
        return [zg.WorkflowSpec(name="shop", workflow=zg.Workflow("shop", steps))]
'''
AT = """
import sys
import time
from types import SimpleNamespace

from zg_core.running import recorder

later = round(float(sys.argv[1]) * 3600e9)
recorder.time = SimpleNamespace(time_ns=lambda: time.time_ns() + later)
from zg_core.cli import main

sys.exit(main(sys.argv[2:]))
"""
"""A process in which it is some hours later."""


class Shop:
    """Calls ``zg`` in processes of their own, each at its own time."""

    def __init__(self, folder: Path, site: Site) -> None:
        self.folder = folder
        path = os.pathsep.join((str(site.folder), os.environ.get("PYTHONPATH", "")))
        self._env = {
            **os.environ,
            "PYTHONPATH": path,
            "ZG_JOURNAL": f"sqlite:///{folder}/runs.db",
        }

    def begin(self, *arguments: str, hours: float = 0) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", AT, str(hours), *arguments],
            cwd=self.folder,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def call(self, *arguments: str, hours: float = 0) -> tuple[int, str, str]:
        process = self.begin(*arguments, hours=hours)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def document(self, *arguments: str, hours: float = 0) -> Any:
        return json.loads(self.call(*arguments, "--json", hours=hours)[1])


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    site = Site(tmp_path / "site")
    site.install("zg-shop", SHOP)
    return Shop(tmp_path, site)


def killed_while_it_waits(shop: Shop) -> str:
    """Kill a process at the question it waits for, and return the call's name."""
    process = shop.begin("run", "x", "--workflow", "shop")
    assert process.stdout is not None
    for line in process.stdout:
        if "a person is asked about pay" in line:
            break
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    (question,) = shop.document("runs", "approvals")
    return str(question["call"])


def paid(shop: Shop) -> list[str]:
    file = shop.folder / "paid.txt"
    return file.read_text().split() if file.exists() else []


def test_an_approval_an_hour_after_the_process_died_is_carried_out_once(
    shop: Shop,
) -> None:
    call = killed_while_it_waits(shop)
    approve = ("runs", "approve", "last", call, "--by", "Ann")
    code, _, _ = shop.call(*approve, hours=1)
    twice, _, err = shop.call(*approve, hours=1)
    (shop.folder / "go").touch()
    resumed, out, _ = shop.call("runs", "resume", "last", hours=100)

    assert (code, twice, resumed) == (0, 2, 0)
    assert "was decided before: allowed by Ann" in err
    assert "paid 3" in out
    assert paid(shop) == ["3"]


def test_an_approval_that_comes_too_late_changes_nothing(shop: Shop) -> None:
    call = killed_while_it_waits(shop)
    code, _, err = shop.call("runs", "approve", "last", call, hours=25)
    (shop.folder / "go").touch()
    _, out, _ = shop.call("runs", "resume", "last", hours=25)

    assert code == 2
    assert "was over at" in err
    assert "nobody decided in time" in out
    assert paid(shop) == []


def test_a_detached_run_is_paused_and_goes_on_elsewhere(shop: Shop) -> None:
    (shop.folder / "go").touch()
    code, _, _ = shop.call("run", "x", "--workflow", "shop", "--runtime", "detached")
    until = time.monotonic() + 60
    while not (waiting := shop.document("runs", "list", "--status", "paused")):
        assert time.monotonic() < until
    (question,) = shop.document("runs", "approvals")
    shop.call("runs", "approve", "last", question["call"])
    resumed, out, _ = shop.call("runs", "resume", "last")

    assert (code, resumed) == (0, 0)
    assert not waiting[0]["owned"]
    assert "paid 3" in out
    assert paid(shop) == ["3"]


def test_what_was_under_way_when_the_process_died_is_asked_about(shop: Shop) -> None:
    call = killed_while_it_waits(shop)
    (shop.folder / "go").touch()
    shop.call("runs", "approve", "last", call)
    journal = shop.folder / "cut.py"
    journal.write_text(CUT)
    died = subprocess.run(
        [sys.executable, str(journal)],
        cwd=shop.folder,
        env=shop._env,
        check=False,
        capture_output=True,
    )
    code, _, err = shop.call("runs", "resume", "last")
    (question,) = shop.document("runs", "approvals")
    shop.call("runs", "reject", "last", question["call"])
    _, out, _ = shop.call("runs", "resume", "last")

    assert died.returncode == -signal.SIGKILL
    assert (code, "zg runs approve" in err) == (5, True)
    assert "nobody knows whether it was done" in question["reason"]
    assert "it is not to be done again" in out
    assert paid(shop) == ["3"]


CUT = """
import os, signal
import zg_core as zg
from zg_core.running import recorder
from zg_core.cli import main

record = recorder.Recorder.record

async def cut(self, event, **options):
    if isinstance(event, zg.ToolFinished):
        os.kill(os.getpid(), signal.SIGKILL)
    return await record(self, event, **options)

recorder.Recorder.record = cut
main(["runs", "resume", "last"])
"""
"""A process that dies after a tool was called, before that is recorded."""
