"""What pip installs is as bad as what was laid out by hand, wheel or working copy."""

from __future__ import annotations

import json
import os
import site
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from calling import Called
from installing import GOOD, Site
from isolation.bad_plugins import of_row
from isolation.judging import check_document, check_lines
from isolation.packages import Bad, Package

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(300)]

CHOSEN = {
    f"zg-{row.lower()}": of_row(row)[0] for row in ("F1", "F3", "F16", "F17", "F23")
} | {"zg-f24": of_row("F24")[0]}

PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{name}"
version = "1.0"
dependencies = {requires}

[project.entry-points."zerogravity.plugins"]
plugin = "{module}"

[tool.hatch.build]
dev-mode-dirs = ["src"]

[tool.hatch.build.targets.wheel]
only-include = ["src/{module}.py"]
sources = ["src"]
"""


class Environment:
    """A virtual environment that sees ZeroGravity, and has packages of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        venv.create(folder / "venv", symlinks=True)
        self.python = str(folder / "venv" / "bin" / "python")
        within = {"base": str(folder / "venv")}
        self.packages = Path(sysconfig.get_path("purelib", vars=within))
        lines = [f"import site; site.addsitedir({p!r})" for p in site.getsitepackages()]
        (self.packages / "parent.pth").write_text("\n".join(lines))

    def pip(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "pip", "--python", self.python, *arguments]
        subprocess.run(command, check=True, capture_output=True)

    def install(self, how: str, *projects: Path) -> None:
        """Have pip install projects: as working copies, or from wheels."""
        flag = ["-e"] if how == "editable" else []
        what = [word for project in projects for word in (*flag, str(project))]
        self.pip("install", "--no-index", "--no-deps", "--no-build-isolation", *what)

    def zg(self, *arguments: str) -> Called:
        done = subprocess.run(
            [self.python, "-m", "zg_core.cli", *arguments],
            capture_output=True,
            text=True,
            cwd=self.folder,
            env={
                **os.environ,
                "ZG_HOME": str(self.folder / "home"),
                "IMPORTED": str(self.folder / "imported"),
            },
        )
        return Called(done.returncode, done.stdout, done.stderr)


def project(folder: Path, name: str, package: Package | Bad) -> Path:
    """Write a package as its author has it."""
    laid_out = Site(folder / name / "src")
    metadata = package.install(laid_out, name)
    for file in metadata.iterdir():
        file.unlink()
    metadata.rmdir()
    text = PROJECT.format(
        name=name,
        module=name.replace("-", "_"),
        requires=json.dumps(list(package.requires)),
    )
    (folder / name / "pyproject.toml").write_text(dedent(text))
    return folder / name


def essence(listed: Called) -> Any:
    """Return what is said of plugins, but not where they are."""
    differs = ("path", "editable", "load_ms")
    return [
        {key: value for key, value in row.items() if key not in differs}
        for row in listed.document["plugins"]
        if not row["builtin"]
    ]


@pytest.mark.parametrize("how", ["editable", "wheel"])
def test_it_does_not_matter_how_a_bad_plugin_was_installed(
    tmp_path: Path, how: str
) -> None:
    packages: dict[str, Package | Bad] = {**CHOSEN, "zg-good": Package(code=GOOD)}
    installed, by_hand = (Environment(tmp_path / place) for place in ("pip", "hand"))
    projects = [
        project(tmp_path / "projects", name, package)
        for name, package in packages.items()
    ]
    installed.install(how, *projects)
    for name, package in packages.items():
        package.install(Site(by_hand.packages), name)
    for environment in (installed, by_hand):
        environment.zg("plugins")  # which one of them takes down

    listed = installed.zg("plugins", "--json")
    agents = installed.zg("agents", "--json")

    assert listed.code == agents.code == 0
    assert essence(listed) == essence(by_hand.zg("plugins", "--json"))
    check_lines(listed)
    for name, bad in CHOSEN.items():
        check_document(listed, bad, name)
    assert "zg-good:goodie" in [a["qualified"] for a in agents.document["agents"]]
    for name in ("zg-f1", "zg-f3"):
        assert installed.zg("plugin", "uninstall", name).code == 0
    left = [row["id"] for row in installed.zg("plugins", "--json").document["plugins"]]
    assert left == ["builtin", "zg-f16", "zg-f17", "zg-f23", "zg-f24", "zg-good"]
