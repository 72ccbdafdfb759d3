"""The template is a project that works, and it comes with the wheel."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from zg_core.scaffold import KINDS, names_of
from zg_core.scaffold.template import LEAVINGS, render

ROOT = Path(__file__).parent.parent.parent
TEMPLATE = ROOT / "plugin-template"


@pytest.mark.parametrize("kind", KINDS)
def test_a_project_of_the_templates_own_name_is_the_template(kind: str) -> None:
    """So what is linted, typed and tested here is what everybody gets."""
    files = render(names_of("example"), kind, "0.1")

    for path, text in files.items():
        [original] = [
            TEMPLATE / folder / path
            for folder in ("common", kind)
            if (TEMPLATE / folder / path).exists()
        ]
        assert text == original.read_text()


@pytest.mark.heavy
def test_the_wheel_brings_it_whole(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "pip", "wheel", str(ROOT), "--no-deps"]
    subprocess.run(
        [*build, "--no-build-isolation", "-w", str(tmp_path)],
        check=True,
        capture_output=True,
    )
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())

    expected = {
        f"zg_core/plugin-template/{path.relative_to(TEMPLATE).as_posix()}"
        for path in TEMPLATE.rglob("*")
        if path.is_file() and not LEAVINGS.intersection(path.parts)
    }
    assert expected <= names
    common = "zg_core/plugin-template/common"
    assert {f"{common}/.gitignore", f"{common}/.github/workflows/ci.yml"} <= names
    assert {"zg_core/py.typed", "zg_plugins_builtin/py.typed"} <= names
