"""What is generated works as it is: its tests pass, it is typed, it is found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from scaffold.projects import build, generate, name_of

from zg_core.scaffold import KINDS
from zg_core.testing import Site


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("projects")


@pytest.fixture(scope="module")
def projects(folder: Path) -> dict[str, Path]:
    return generate(folder)


@pytest.fixture(scope="module")
def site(folder: Path, projects: dict[str, Path]) -> Site:
    """The built wheels of all of them, installed."""
    site = Site(folder / "site")
    for project in projects.values():
        site.unpack(build(project, folder))
    return site


# Tests of the conformance kit that try very many values.
LAWS = ("any", "breaks", "alone", "whatever", "schema", "mix", "long", "leaves", "json")


@pytest.mark.heavy
def test_their_own_tests_pass(projects: dict[str, Path], site: Site) -> None:
    """All in one process, and without what takes long, as the heavy tests do it."""
    tests = [str(project / "tests") for project in projects.values()]
    options = ["-q", "-p", "no:cacheprovider", "--import-mode=importlib"]
    options += ["-k", f"not ({' or '.join(LAWS)})"]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "pytest", *options, *tests],
        cwd=site.folder,
        env={**os.environ, "PYTHONPATH": str(site.folder)},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert not list(site.folder.glob("*.jsonl"))


def test_each_is_found_and_works(site: Site) -> None:
    plugins = json.loads(site.zg("plugins", "--json").stdout)["plugins"]

    found = {plugin["id"]: plugin for plugin in plugins}
    for kind in KINDS:
        plugin = found[f"zg-{name_of(kind)}"]
        assert plugin["state"] in ("active", "discovered")
        assert plugin["contributes"] == {f"{kind}s": [name_of(kind)]}
        assert plugin["diagnostics"] == []


def test_each_is_listed_and_nothing_of_it_imported(site: Site) -> None:
    """For the manifest says enough."""
    code = f"""
import sys
from zg_core.cli import main
codes = [main([kind + "s"]) for kind in {KINDS!r}]
assert not [name for name in sys.modules if name.startswith("zg_my")], sys.modules
sys.exit(max(codes))
"""
    done = site.python("-c", code)

    assert done.returncode == 0, done.stderr
    words = done.stdout.split()
    for kind in KINDS:
        assert f"zg-{name_of(kind)}:{name_of(kind)}" in words


@pytest.mark.heavy
@pytest.mark.parametrize("kind", KINDS)
def test_the_types_are_right(
    folder: Path, projects: dict[str, Path], site: Site, kind: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", str(folder / "mypy")],
        cwd=projects[kind],
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout + done.stderr
