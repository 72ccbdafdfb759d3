"""The version is that of the code which runs, whatever else is installed."""

from __future__ import annotations

import sys
from pathlib import Path

import importlib_metadata
import pytest
from installing import Site

import zg_core
from zg_core._version import core_version

found = core_version.__wrapped__
OURS = importlib_metadata.version("zerogravity")


@pytest.mark.parametrize("direct", ["", "{", '{"url": "file:///nowhere"}'])
def test_another_distribution_of_our_name_does_not_count(
    site: Site, direct: str
) -> None:
    site.install(
        "ZeroGravity", "x = 1", version="99", files={"direct_url.json": direct}
    )

    assert importlib_metadata.version("zerogravity") == "99"
    assert found() == OURS


def test_without_any_the_version_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])

    assert found() == "0+unknown"


def test_one_that_only_a_finder_knows_is_found_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Finder:
        def find_distributions(self, context: object) -> object:
            yield Elsewhere()

        def find_spec(self, *_: object) -> None:
            return None

    class Elsewhere(importlib_metadata.Distribution):
        def read_text(self, filename: str) -> str:
            return "Name: zerogravity\nVersion: 7.7\n" if filename == "METADATA" else ""

        def locate_file(self, path: object) -> Path:
            return Path(zg_core.__file__).parent.parent / str(path)

    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder()])

    assert found() == "7.7"
