"""What is generated works once pip has installed it, from its folder and its wheel."""

from __future__ import annotations

import json
import os
import site
import subprocess
import time
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from scaffold.projects import build, generate, name_of

from zg_core.scaffold import KINDS

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(600)]

OFFLINE = {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_NO_DEPS": "1"}


@dataclass(frozen=True)
class Environment:
    """A new virtual environment that sees ZeroGravity, and installs for itself."""

    folder: Path
    projects: dict[str, Path]

    @classmethod
    def make(cls, folder: Path) -> Environment:
        venv.create(folder / "venv", with_pip=False, symlinks=True)
        environment = cls(folder, generate(folder))
        ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
        purelib = Path(environment.run("-c", ask).stdout.strip())
        # Not as a plain line, which would not follow the links to working copies.
        lines = [f"import site; site.addsitedir({p!r})" for p in site.getsitepackages()]
        (purelib / "parent.pth").write_text("\n".join(lines))
        return environment

    def run(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [str(self.folder / "venv" / "bin" / "python"), *arguments],
            cwd=self.folder,
            env={**os.environ, **OFFLINE, **environ},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def zg(self, *arguments: str, **environ: str) -> Any:
        done = self.run("-m", "zg_core.cli", *arguments, "--json", **environ)
        return json.loads(done.stdout)


@pytest.fixture(scope="module", params=["editable", "wheel"])
def environment(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Environment:
    """All seven are installed, as their authors and their users do it."""
    environment = Environment.make(tmp_path_factory.mktemp(request.param))
    what: list[str] = []
    for project in environment.projects.values():
        if request.param == "editable":
            what += ["-e", str(project)]
        else:
            what.append(str(build(project, environment.folder)))
    environment.zg("plugin", "install", *what)
    return environment


@pytest.fixture
def model(wire: str) -> dict[str, str]:
    return {
        "OPENAI_BASE_URL": f"{wire}/v1",
        "OPENAI_API_KEY": "sk-test-key-of-no-worth",
        "ZG_MODEL": "openai:gpt-test",
    }


def test_they_are_active(environment: Environment) -> None:
    plugins = environment.zg("plugins")["plugins"]

    states = {plugin["id"]: plugin["state"] for plugin in plugins}
    assert {states[f"zg-{name_of(kind)}"] for kind in KINDS} <= {"active", "discovered"}
    assert not [plugin["diagnostics"] for plugin in plugins if plugin["diagnostics"]]


@pytest.mark.parametrize(
    ("environment", "kind"),
    [("editable", "tool"), *(("wheel", kind) for kind in KINDS)],
    indirect=["environment"],
)
def test_its_tests_pass_untouched_within_a_minute(
    environment: Environment, kind: str
) -> None:
    began = time.monotonic()

    environment.run(
        *("-W", "error", "-m", "pytest", "-q", "--rootdir"),
        *(str(environment.projects[kind]), str(environment.projects[kind])),
    )

    assert time.monotonic() - began < 60


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_listed(environment: Environment, kind: str) -> None:
    listed = environment.zg(f"{kind}s")[f"{kind}s"]

    [found] = [thing for thing in listed if thing["plugin"] == f"zg-{name_of(kind)}"]
    assert found["name"] == name_of(kind)


@pytest.mark.parametrize("kind", KINDS)
def test_what_it_is_made_of_is_in_order(environment: Environment, kind: str) -> None:
    project = environment.projects[kind]
    code = (
        f"import os, sys; os.chdir({str(project)!r}); from zg_core.cli import main; "
        "sys.exit(main(['plugin', 'check']) or main(['plugin', 'manifest', '--check']))"
    )

    environment.run("-c", code)


# -- A run uses it ---------------------------------------------------------------------


def test_a_run_uses_the_agent(environment: Environment, model: dict[str, str]) -> None:
    done = environment.zg("run", "Will it rain?", "--agent", "my-agent", **model)

    assert done["status"] == "completed"
    assert [file["path"] for file in done["artifacts"]] == ["answer.md"]


def test_a_run_uses_the_tool(environment: Environment) -> None:
    code = """
from zg_core.testing import call, run_offline
from zg_plugins_builtin.agents import LLMAgent

tool = "zg-my-tool:my-tool"
agent = LLMAgent(name="counting", instructions="Count.", tools=(tool,))
answers = [call("my-tool", text="one two"), "Two."]
result = run_offline(agent, "one two", "zg-my-tool", answers=answers)
assert result.output == "Two.", result
"""
    environment.run("-c", code)


def test_a_run_uses_the_provider(environment: Environment) -> None:
    done = environment.zg(
        "run", "one two", "--agent", "my-agent", ZG_MODEL="my-provider"
    )

    assert done["result"].endswith("two one")


def test_a_route_is_the_classifiers(environment: Environment) -> None:
    done = environment.zg("route", "A logo", "--classifier", "my-classifier")

    assert done["route"]["label"] == "creative"


def test_a_classifiers_labelled_objectives_come_with_it(
    environment: Environment,
) -> None:
    done = environment.zg("route", "eval", "--classifier", "my-classifier")

    [scores] = done["classifiers"]
    assert done["data"] == "zg_my_classifier:objectives.jsonl"
    assert (scores["count"], scores["accuracy"]) == (5, 0.8)


def test_the_exporter_is_told_of_a_run(
    environment: Environment, model: dict[str, str]
) -> None:
    environment.zg(
        *("run", "Will it rain?", "--agent", "my-agent"),
        ZG_EXPORTERS="zg-my-exporter:my-exporter",
        **model,
    )

    lines = (environment.folder / "zg-my-exporter.jsonl").read_text().splitlines()
    counts = [json.loads(line) for line in lines]
    assert sum(count.get("RunFinished", 0) for count in counts) == 1


def test_the_guardrail_stands_before_the_model(environment: Environment) -> None:
    done = environment.zg(
        *("run", "write to ada@lovelace.org", "--agent", "my-agent"),
        ZG_GUARDRAILS="zg-my-guardrail:my-guardrail",
        ZG_MODEL="my-provider",
    )

    assert "lovelace" not in done["result"]
    assert "[e-mail" in done["result"]


def test_a_run_uses_the_workflow(
    environment: Environment, model: dict[str, str]
) -> None:
    done = environment.zg("run", "A shop", "--workflow", "my-workflow", **model)

    assert done["status"] == "completed"


def test_what_was_installed_can_be_removed(tmp_path: Path) -> None:
    environment = Environment.make(tmp_path)
    agent, tool = (environment.projects[kind] for kind in ("agent", "tool"))
    environment.zg("plugin", "install", "-e", str(agent), str(build(tool, tmp_path)))

    shown = environment.zg("plugin", "uninstall", *map(name_of, ("agent", "tool")))

    assert not [p for p in shown["plugins"] if p["id"].startswith("zg-my-")]
    assert not list((environment.folder / "venv").rglob("zg_my_*.dist-info"))
