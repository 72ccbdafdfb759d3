"""A run of the default agents over HTTP, recorded, and replayed with no network."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from installing import Site
from local_model import fetched

from zg_core.testing.wire import serve_apart

pytestmark = pytest.mark.heavy

CANARY = "sk-canary-0123456789abcdef"
EDITED = """
    import zg_core.plugin_api as zg

    @zg.hookimpl
    def zg_register_agents():
        return [zg.AgentSpec(name="architect", factory=Brief)]

    class Brief:
        async def run(self, ctx):
            asked = zg.Message.user(f"In one sentence: {ctx.prompt}")
            return zg.Reply(output=(await ctx.complete([asked])).text)
"""


def offline(command: list[str]) -> list[str]:
    """Put a command where there is no network, if this machine allows that."""
    unshare = shutil.which("unshare")
    bare = [unshare, "-rn", "--"] if unshare else []
    if bare and subprocess.run([*bare, "true"], capture_output=True).returncode == 0:
        return [*bare, *command]
    return command


def replay(site: Site, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = offline([sys.executable, "-m", "zg_core.cli", *arguments])
    return subprocess.run(
        ["env", f"PYTHONPATH={site.folder}", *command],
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_run_over_http_is_replayed_with_no_network(tmp_path: Path) -> None:
    site = Site(tmp_path / "site")
    with serve_apart() as url:
        environ = {"OPENAI_API_KEY": CANARY, "OPENAI_BASE_URL": f"{url}/v1"}
        objective = f"Build a booking site; my key is {CANARY}"
        done = site.zg("run", objective, "--model", "openai:any", "--json", **environ)
        assert done.returncode == 0, done.stderr
        first = json.loads(done.stdout)
        exported = site.zg("runs", "export", "last", "-o", "run.zgrun", **environ)
        assert exported.returncode == 0, exported.stderr
    assert exported.stderr == ""
    assert CANARY not in Path("run.zgrun").read_text()

    done = replay(site, "run", "--replay", "run.zgrun", "--json")

    assert done.returncode == 0, done.stderr
    again = json.loads(done.stdout)
    assert again["result"] == first["result"]
    assert again["artifacts"] == first["artifacts"]
    assert again["replayed_calls"] == first["usage"]["calls"] == 3
    assert again["cost_usd"] == 0
    for step, before in zip(again["history"], first["history"], strict=True):
        assert step["output"] == before["output"]

    site.install("zg-brief", EDITED)
    override = ("--override", "agent:architect=zg-brief:architect")
    edited = replay(site, *override, "run", "--replay", "run.zgrun")

    assert edited.returncode == 1
    assert "the 1st model call of step 'plan' is not in the record" in edited.stderr
    assert "(agent zg-brief:architect, model openai:any)" in edited.stderr
    assert "+In one sentence: Build a booking site" in edited.stderr

    with serve_apart() as url:
        environ = {"OPENAI_API_KEY": CANARY, "OPENAI_BASE_URL": f"{url}/v1"}
        options = ("run", "--replay", "run.zgrun", "--live", "--json")
        live = site.zg(*override, *options, **environ)
    assert live.returncode == 0, live.stderr
    assert json.loads(live.stdout)["usage"]["calls"] > 0


def test_a_run_of_the_embedded_model_is_replayed_without_it(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp")
    model = fetched(tmp_path / "models")
    site = Site(tmp_path / "site")
    done = site.zg(
        *("run", "Plan a garden", "--agent", "architect"),
        *("--model", f"local:{model}", "--json"),
    )
    assert done.returncode == 0, done.stderr
    exported = site.zg("runs", "export", "last", "-o", "run.zgrun")
    assert exported.returncode == 0, exported.stderr

    done_again = replay(site, "run", "--replay", "run.zgrun", "--json")

    assert done_again.returncode == 0, done_again.stderr
    first, again = json.loads(done.stdout), json.loads(done_again.stdout)
    assert again["result"] == first["result"]
    assert again["artifacts"] == first["artifacts"]
    assert again["usage"]["calls"] == 0
