"""The figures of the guide on routing are those that are measured."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from calling import Caller

PAGE = Path(__file__).parents[2] / "docs" / "guides" / "routing.md"
MEASURES = (
    *("macro-F1", "accuracy", "calibration error"),
    *("abstained", "abstention precision", "abstention recall"),
)


@pytest.fixture
def zg(capfd: pytest.CaptureFixture[str]) -> Caller:
    return Caller(capfd)


def test_the_table_is_what_the_command_says(zg: Caller) -> None:
    done = zg(
        *("route", "eval", "--classifier", "keyword", "--classifier", "trained"),
    )
    measured = {
        cells[0]: cells[1:]
        for line in done.out.splitlines()
        if len(cells := re.split(r"\s{2,}", line)) == 3
    }
    page = PAGE.read_text(encoding="utf-8")
    told = {
        cells[1]: cells[2:4]
        for line in page.splitlines()
        if line.startswith("| ") and len(cells := re.split(r" ?\| ?", line)) == 6
    }

    assert done.code == 0
    for measure in MEASURES:
        assert told[measure] == measured[measure], "measure again: zg route eval"
    [count] = re.findall(r"built-in set, (\d+) objectives", page)
    assert done.out.startswith(f"{count} objectives of")
