"""The runtime `detached`: a run goes on when whoever asked for it is gone."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from builtin.gated import gated
from ending import ends
from offering import Offering, flow, say

import zg_core as zg
from zg_plugins_builtin.runtimes import detached

pytestmark = pytest.mark.anyio
SUBMITS = """
import sys, time
import anyio
import zg_core as zg
from zg_plugins_builtin.runtimes.detached import DetachedRuntime

async def submit():
    async with zg.Engine.open() as engine:
        work = zg.Workflow("test", (zg.Step("a", agent="gate"),))
        await engine.accept(work, "x", run_id="r")
    print(await DetachedRuntime().submit("r", "sqlite"), flush=True)

anyio.run(submit)
time.sleep(60)
"""


async def ended(run_id: str) -> zg.RunResult:
    async with zg.Engine.open(discover=()) as engine:
        async for _ in engine.journal.subscribe(run_id):
            pass
        return await engine.result(run_id)


def log_of(where: str) -> tuple[int, Path]:
    found = re.fullmatch(r"process (\d+), which writes to (.*)", where)
    assert found, where
    return int(found[1]), Path(found[2])


async def test_a_run_outlives_the_command_that_accepted_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = gated(tmp_path, monkeypatch)
    called = site.zg("run", "x", "--agent", "gate", "--runtime", "detached")
    run_id = called.stdout.split()[1]

    assert (called.returncode, called.stderr) == (0, "")
    assert f"  zg runs watch {run_id}\n" in called.stdout
    pid, log = log_of(called.stdout.splitlines()[0].partition("detached: ")[2])
    assert os.getsid(pid) == pid
    assert log.stat().st_mode & 0o777 == 0o600
    assert log.parent.stat().st_mode & 0o777 == 0o700
    assert "running" in site.zg("runs", "show", run_id).stdout
    Path("go").touch()
    result = await ended(run_id)
    assert (result.status, result.output) == ("completed", "let go")


async def test_as_json_it_is_one_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("go").touch()
    called = gated(tmp_path, monkeypatch).zg(
        "run", "x", "--agent", "gate", "--runtime", "detached", "--json"
    )
    document = json.loads(called.stdout)

    assert document.keys() == {"run_id", "runtime", "where"}
    assert document["runtime"] == "builtin:detached"
    assert (await ended(document["run_id"])).status == "completed"


@pytest.mark.parametrize("kind", [signal.SIGHUP, signal.SIGKILL])
async def test_it_outlives_the_death_of_all_that_belongs_to_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: signal.Signals
) -> None:
    site = gated(tmp_path, monkeypatch)
    with subprocess.Popen(
        [sys.executable, "-c", SUBMITS],
        env={**os.environ, "PYTHONPATH": str(site.folder)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as parent:
        assert parent.stdout
        _, log = log_of(parent.stdout.readline().strip())
        os.killpg(parent.pid, kind)
        parent.wait()
    Path("go").touch()
    result = await ended("r")

    assert parent.returncode == -kind
    assert (result.status, result.output) == ("completed", "let go")
    assert "a: gate begins" in log.read_text()


async def test_a_journal_in_memory_is_refused() -> None:
    with pytest.raises(zg.RunError, match="seen by no other process") as caught:
        await detached.DetachedRuntime().submit("r", "memory")

    assert "sqlite" in caught.value.remedy


async def accepted() -> None:
    plugin = Offering(gate=say("ok"))
    async with zg.Engine.open(plugin, discover=()) as engine:
        await engine.accept(flow("gate"), "x", run_id="r")


async def test_it_returns_once_the_run_has_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(gated(tmp_path, monkeypatch).folder))
    await accepted()
    runtime = detached.DetachedRuntime()

    where = await runtime.submit("r", "sqlite")

    assert isinstance(runtime, zg.Runtime)
    async with zg.Engine.open(discover=()) as engine:
        events = await engine.journal.read("r")
        assert isinstance(events[1], zg.RunStarted)
        with pytest.raises(zg.RunBusyError):
            await engine.journal.claim("r")
    assert log_of(where)[1].exists()
    Path("go").touch()
    assert (await ended("r")).status == "completed"


async def test_what_the_process_says_is_said_if_it_cannot_begin() -> None:
    await accepted()
    log = zg.data_dir() / "detached" / "r.log"
    log.parent.mkdir()
    log.write_text("said before")
    async with zg.Engine.open(discover=()) as engine:
        await engine.journal.claim("r")
        with pytest.raises(
            zg.RunError, match=r"begin it: process .* is doing run 'r'; watch it"
        ) as caught:
            await detached.DetachedRuntime().submit("r", "sqlite")

    assert "said before" not in caught.value.cause
    assert caught.value.remedy == "do it here: zg runs resume r"


async def test_a_process_that_does_not_begin_in_time_is_ended(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    await accepted()
    sleeper = tmp_path / "python"
    sleeper.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 60\n")
    sleeper.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(sleeper))
    monkeypatch.setattr(detached, "_BEGUN_SECONDS", 1)

    with pytest.raises(zg.RunError, match="did not begin it; do it"):
        await detached.DetachedRuntime().submit("r", "sqlite")

    assert ends(int((tmp_path / "pid").read_text()))


async def test_it_says_so_if_no_process_can_be_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await accepted()
    monkeypatch.setattr(sys, "executable", "/nowhere/python")

    with pytest.raises(zg.RunError, match="no process can be started for run r"):
        await detached.DetachedRuntime().submit("r", "sqlite")


async def test_a_run_that_there_is_not_is_no_process() -> None:
    with pytest.raises(zg.RunNotFoundError):
        await detached.DetachedRuntime().submit("gone", "sqlite")
