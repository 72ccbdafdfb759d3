"""What pip installs is locked and looked over as it stands in a real environment."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
import venv
from pathlib import Path
from textwrap import dedent

import pytest

pytestmark = pytest.mark.heavy

CODE = '''
import zg_core.plugin_api as zg

@zg.tool
def count(text: str) -> int:
    """Count the words of a text."""
    return len(text.split())

@zg.hookimpl
def zg_register_tools():
    return [count]
'''


class Place:
    """An environment with ZeroGravity in it, and with pip."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        venv.create(folder / "venv", with_pip=True)
        self.python = folder / "venv" / "bin" / "python"
        line = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
        (self.packages / "here.pth").write_text(line)

    @property
    def packages(self) -> Path:
        return next((self.folder / "venv" / "lib").glob("python*")) / "site-packages"

    def project(self, name: str, *, pth: str = "") -> Path:
        """Write the source of a plugin."""
        folder = self.folder / name
        package = folder / "src" / name.replace("-", "_")
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(CODE)
        text = f"""
            [build-system]
            requires = ["hatchling"]
            build-backend = "hatchling.build"

            [project]
            name = "{name}"
            version = "1.0"

            [project.entry-points."zerogravity.plugins"]
            plugin = "{package.name}"
        """
        if pth:
            (folder / "start.pth").write_text(pth)
            text += f"""
            [tool.hatch.build.targets.wheel.force-include]
            "start.pth" = "{package.name}.pth"
            """
        (folder / "pyproject.toml").write_text(dedent(text))
        return folder

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.python), *arguments],
            capture_output=True,
            text=True,
            cwd=self.folder,
            env={**os.environ, "PATH": os.defpath},
            timeout=100,
        )

    def pip(self, *arguments: str) -> None:
        done = self.run("-m", "pip", *arguments)
        assert done.returncode == 0, done.stderr

    def install(self, *what: str) -> None:
        self.pip("install", "--no-index", "--no-deps", "--no-build-isolation", *what)

    def zg(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run("-m", "zg_core.cli", *arguments)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = Place(tmp_path_factory.mktemp("place"))
    (place.folder / "zg.toml").write_text("")
    return place


def test_a_wheel_is_locked_by_the_list_pip_wrote(place: Place) -> None:
    place.install(str(place.project("zg-words")))
    locked = place.zg("plugins", "lock", "--json")
    used = place.zg("--locked", "tools", "--json")
    with (place.packages / "zg_words" / "__init__.py").open("a") as file:
        file.write("#")
    changed = place.zg("--locked", "tools")
    place.pip("uninstall", "--yes", "zg-words")

    [plugin] = json.loads(locked.stdout)["lock"]["plugins"]
    assert plugin["files"] > 4
    assert "zg-words:count" in used.stdout
    assert changed.returncode == 3
    assert "zg_words/__init__.py is not what was installed" in changed.stderr


def test_a_working_copy_is_known_as_one(place: Place) -> None:
    folder = place.project("zg-copy")
    place.install("--editable", str(folder))
    audited = place.zg("plugins", "audit", "--json")
    refused = place.zg("plugins", "lock")
    locked = place.zg("plugins", "lock", "--allow-editable")
    used = place.zg("--locked", "tools", "--json")
    frozen = place.zg("plugins", "freeze")
    place.pip("uninstall", "--yes", "zg-copy")

    assert audited.returncode == 0, audited.stdout
    assert refused.returncode == 3
    assert locked.returncode == 0, locked.stderr
    assert "zg-copy:count" in used.stdout
    assert frozen.stdout == f"-e {folder}\n"


def test_code_in_a_start_file_runs_before_us_and_is_found(place: Place) -> None:
    """Nobody can stop it; so nobody should say that it was."""
    trace = place.folder / "trace"
    pth = f"import pathlib; pathlib.Path({str(trace)!r}).touch()\n"
    place.install(str(place.project("zg-sneak", pth=pth)))
    place.run("-c", "pass")
    audited = place.zg("plugins", "audit")
    place.pip("uninstall", "--yes", "zg-sneak")

    assert trace.exists()
    assert audited.returncode == 1
    assert "[zg-sneak 1.0] zg_sneak.pth runs whenever Python starts" in audited.stdout
