"""The wheel holds all that the project has, and what its entry points name."""

from __future__ import annotations

import configparser
import subprocess
import sys
import zipfile
from pathlib import Path

PROJECT = Path(__file__).parent.parent


def test_the_wheel_is_whole(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel"]
    subprocess.run(
        [*build, "-d", str(tmp_path)], cwd=PROJECT, check=True, capture_output=True
    )
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
        [listed] = (name for name in held if name.endswith("/entry_points.txt"))
        offered = configparser.ConfigParser(delimiters="=")
        offered.read_string(archive.read(listed).decode())

    written = {
        path.relative_to(PROJECT / "src").as_posix()
        for path in (PROJECT / "src").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    modules = dict(offered["zerogravity.plugins"]).values()
    manifests = dict(offered["zerogravity.manifests"]).values()
    assert written <= held
    assert {f"{name.replace('.', '/')}.py" for name in modules} <= held
    assert {name.replace(":", "/") for name in manifests} <= held
