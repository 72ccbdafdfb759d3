"""The tutorial, done word by word in an environment of its own."""

from __future__ import annotations

import os
import re
import site
import subprocess
import sysconfig
import venv
from pathlib import Path

import pytest
from scaffold.projects import build

from zg_core.scaffold import create, names_of
from zg_core.testing import Site

PAGE = Path(__file__).parent.parent.parent / "docs" / "plugins" / "tutorial.md"

# What it installs is there already, or on the way; pip looks nowhere else.
OFFLINE = {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_NO_DEPS": "1"}

_AGENT = """
import zg_core.plugin_api as zg

@zg.hookimpl
def zg_register_agents():
    return [zg.AgentSpec(name="{0}", factory="zg_{0}:Agent")]

class Agent: ...
"""
_HOOK = "import zg_core.plugin_api as zg\n\n@zg.hookimpl\ndef {}():\n    return {}\n"
BAD = {
    "architect": _AGENT.format("architect"),
    "dies": "import os; os._exit(3)",
    "exits": "raise SystemExit(0)",
    "forever": _HOOK.format("zg_register_tools", "iter(int, 1)"),
    "lost": "import a_package_nobody_has",
    "old": "ZG_PLUGIN_API = 99",
    "prints": "print('hello')" + _AGENT.format("prints"),
    "raises": "raise RuntimeError",
    "string": _HOOK.format("zg_register_tools", "'tools'"),
    "typo": _HOOK.format("zg_register_agentz", "[]"),
}
"""The ten bad plugins of the page."""


def commands() -> str:
    blocks = re.findall(r"^```console\n(.*?)^```$", PAGE.read_text(), re.M | re.S)
    lines = "".join(blocks).splitlines()
    return "\n".join(line[2:] for line in lines if line.startswith(("$ ", ">")))


@pytest.fixture
def environment(tmp_path: Path, wire: str) -> dict[str, str]:
    """A new virtual environment that sees ZeroGravity, and a server as the model."""
    folder = tmp_path / "venv"
    venv.create(folder, with_pip=False, symlinks=True)
    purelib = sysconfig.get_path("purelib", "venv", {"base": str(folder)})
    # Not as a plain line, which would not follow the links to working copies.
    lines = [f"import site; site.addsitedir({p!r})" for p in site.getsitepackages()]
    Path(purelib, "parent.pth").write_text("\n".join(lines))
    command = folder / "bin" / "zg"
    command.write_text(f'#!/bin/sh\nexec "{folder}/bin/python" -m zg_core.cli "$@"\n')
    command.chmod(0o755)
    return {
        **os.environ,
        **OFFLINE,
        "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "OPENAI_BASE_URL": f"{wire}/v1",
        "OPENAI_API_KEY": "sk-test-key-of-no-worth",
        "ZG_MODEL": "openai:gpt-test",
    }


@pytest.mark.heavy
@pytest.mark.timeout(600)
def test_it_works_as_it_is_told(environment: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands()],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "zg-tides:tides" in done.stdout
    assert "zg_tides-0.1.0-py3-none-any.whl" in done.stdout


@pytest.mark.heavy
def test_the_list_beside_ten_bad_plugins_is_what_is_shown(tmp_path: Path) -> None:
    site = Site(tmp_path / "site")
    for name, code in BAD.items():
        site.install(f"zg-{name}", code)
    tides = create(names_of("tides"), "agent", tmp_path).folder
    site.unpack(build(tides, tmp_path))

    first, second = site.zg("plugins"), site.zg("plugins")

    assert (first.returncode, first.stdout, first.stderr) == (3, "", "")
    page = PAGE.read_text()
    table, _, said = page[page.index("PLUGIN  ") :].partition("\n\n")
    listed, _, counted = second.stdout.partition("\n\n")
    for told, shown in zip(columns(table), columns(listed), strict=True):
        assert told[:3] == shown[:3]
        assert shown[3].startswith(told[3].removesuffix(" …"))
    counts, *errors = said[: said.index("\n…\n")].splitlines()
    assert counts in counted.splitlines()
    assert set(errors) <= set(second.stderr.splitlines())


def columns(table: str) -> list[list[str]]:
    """Return a table's columns but the last two, which differ at each place."""
    return [re.split(" {2,}", line)[:4] for line in table.splitlines()]
