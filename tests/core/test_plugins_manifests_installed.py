"""What builds and installers make of a manifest: some leave it out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from installing import GOOD

pytestmark = pytest.mark.heavy

MANIFEST = {
    "manifest_version": 1,
    "api": 1,
    "contributes": {"agents": [{"name": "goodie", "description": "From the file."}]},
}
BACKENDS = {"setuptools": "setuptools.build_meta", "hatchling": "hatchling.build"}


class Project:
    """A plugin's source, and an environment to install it into.

    Args:
        folder: Where to put both.
        builder: The distribution that builds it, as it does unless told otherwise.
    """

    def __init__(self, folder: Path, builder: str) -> None:
        self.folder = folder / "project"
        package = self.folder / "src" / "zg_good"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(dedent(GOOD))
        (package / "zg_plugin.json").write_text(json.dumps(MANIFEST))
        text = f"""
            [build-system]
            requires = ["{builder}"]
            build-backend = "{BACKENDS[builder]}"

            [project]
            name = "zg-good"
            version = "1.0"

            [project.entry-points."zerogravity.plugins"]
            good = "zg_good"

            [project.entry-points."zerogravity.manifests"]
            good = "zg_good:zg_plugin.json"
        """
        (self.folder / "pyproject.toml").write_text(dedent(text))
        venv.create(folder / "venv")
        self.python = folder / "venv" / "bin" / "python"
        [packages] = (folder / "venv" / "lib").glob("python*/site-packages")
        line = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
        (packages / "here.pth").write_text(line)

    def install(self, *options: str) -> None:
        """Install it; by a wheel, unless the options say otherwise."""
        pip = [sys.executable, "-m", "pip", "--python", str(self.python)]
        offline = ["--no-index", "--no-deps", "--no-build-isolation", "--quiet"]
        subprocess.run(
            [*pip, "install", *offline, *options, str(self.folder)],
            check=True,
            capture_output=True,
        )

    def listed(self) -> tuple[dict[str, Any], dict[str, Any], str]:
        """Return its row among the plugins, its agent's, and what was said."""
        plugins, agents = (self.zg(what, "--json") for what in ("plugins", "agents"))
        [plugin] = _of_good(json.loads(plugins.stdout)["plugins"], "id")
        [agent] = _of_good(json.loads(agents.stdout)["agents"], "plugin")
        return plugin, agent, plugins.stderr

    def zg(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.python, "-m", "zg_core.cli", *arguments],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PATH": os.defpath},
        )


def _of_good(rows: list[dict[str, Any]], key: str) -> Iterator[dict[str, Any]]:
    return (row for row in rows if row[key] == "zg-good")


def test_a_wheel_that_has_the_manifest_is_listed_by_it(tmp_path: Path) -> None:
    project = Project(tmp_path, "hatchling")
    project.install()

    plugin, agent, said = project.listed()

    assert plugin["state"] == "discovered"
    assert agent["description"] == "From the file."
    assert "ZG111" not in said


def test_a_wheel_without_the_manifest_works_and_is_noted(tmp_path: Path) -> None:
    """Setuptools leaves out what nothing declares to be data of the package."""
    project = Project(tmp_path, "setuptools")
    project.install()

    plugin, agent, said = project.listed()

    assert plugin["state"] == "active"
    assert agent["status"] == "active"
    assert "ZG111 [zg-good 1.0]" in said


@pytest.mark.parametrize("builder", BACKENDS)
def test_a_working_copy_is_listed_by_its_manifest(tmp_path: Path, builder: str) -> None:
    """As its author sees it, who does not notice what the wheel lacks."""
    project = Project(tmp_path, builder)
    project.install("--editable")

    plugin, agent, _ = project.listed()

    assert plugin["editable"]
    assert plugin["state"] == "discovered"
    assert agent["description"] == "From the file."
