"""The conformance kit bites: it finds what is wrong with plugins broken on purpose."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from zg_core.testing import Site

# It is a whole suite of its own.
pytestmark = [pytest.mark.heavy, pytest.mark.timeout(400)]
BROKEN = Path(__file__).parent / "broken"
PAGE = Path(__file__).parent.parent.parent / "docs" / "plugins" / "testing.md"
sys.path.insert(0, str(BROKEN))
try:
    import seeds
finally:
    sys.path.remove(str(BROKEN))


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Run the suite once, installed plugins and all: the failed tests of each seed."""
    place = tmp_path_factory.mktemp("broken")
    site = Site(place / "site")
    for kind in seeds.SEEDS:
        module = f"zg_seed_{kind}s"
        site.install(f"zg-seed-{kind}s", (BROKEN / f"{module}.py").read_text())
    for name in seeds.PLUGINS:
        module = f"zg_seed_{name.replace('-', '_')}"
        files = {"RECORD": "another.py,,\n"} if name == "is-not-in-its-wheel" else {}
        code = seeds.code_of(name, module)
        site.install(f"zg-seed-{name}", code, files=files)
    tests = place / "tests"
    tests.mkdir()
    for file in ("chosen.py", "seeds.py", "suite.py"):
        shutil.copy(BROKEN / file, tests)
    report = place / "report.xml"
    done = site.python(
        *("-m", "pytest", "suite.py", "-q", "-p", "no:cacheprovider"),
        *("-c", os.devnull, "--rootdir", ".", f"--junitxml={report}"),
        *("-p", "chosen", "-n", "2", "--dist", "loadscope"),
        cwd=tests,
        timeout=300,
    )
    assert report.exists(), done.stdout + done.stderr
    found: dict[str, set[str]] = defaultdict(set)
    for case in ET.parse(report).iter("testcase"):
        seed = case.attrib["classname"].partition(":")[2]
        found[seed]
        if case.find("failure") is not None:
            found[seed].add(case.attrib["name"])
    return found


@pytest.mark.parametrize("kind", [*seeds.SEEDS, "plugin"])
def test_the_sound_sibling_passes(kind: str, failed: dict[str, set[str]]) -> None:
    assert failed[f"{kind}:sound"] == set()


def test_nearly_all_broken_ones_are_caught_by_the_test_that_is_for_it(
    failed: dict[str, set[str]],
) -> None:
    broken = [seed for seed in failed if not seed.endswith(":sound")]
    missed = {seed for seed in broken if not failed[seed]}

    assert missed == seeds.NOT_CAUGHT
    assert len(missed) <= 0.05 * len(broken)


def test_the_page_lists_those_that_are_not_caught() -> None:
    listed = set(re.findall(r"^- `(\w+:\w+)`", PAGE.read_text(), re.MULTILINE))

    assert listed == seeds.NOT_CAUGHT


@pytest.mark.parametrize("kind", seeds.SEEDS)
def test_each_kind_is_broken_in_six_ways_at_least(kind: str) -> None:
    assert sum(test is not None for test in seeds.SEEDS[kind].values()) >= 6
