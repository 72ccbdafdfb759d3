"""The reference plugins, built and installed, are in order; CI runs their own tests."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from zg_core.testing import Site

PLUGINS = Path(__file__).parent.parent.parent / "docs" / "examples" / "plugins"
NAMES = ("zg-jsonl", "zg-weather", "zg-words")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The built wheels of all of them, installed."""
    folder = tmp_path_factory.mktemp("reference")
    site = Site(folder / "site")
    for name in NAMES:
        build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d"]
        subprocess.run([*build, str(folder)], cwd=PLUGINS / name, check=True)
        [wheel] = folder.glob(f"{name.replace('-', '_')}-*.whl")
        site.unpack(wheel)
    return site


def test_they_are_active_and_nothing_is_wrong_with_them(site: Site) -> None:
    done = site.zg("--strict-plugins", "plugins", "--json")

    assert done.returncode == 0, done.stderr
    states = {p["id"]: p["state"] for p in json.loads(done.stdout)["plugins"]}
    assert {states[name] for name in NAMES} == {"active"}


def test_there_are_no_others() -> None:
    assert sorted(path.name for path in PLUGINS.iterdir()) == sorted(NAMES)
