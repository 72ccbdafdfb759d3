"""What tests of faults share."""

from __future__ import annotations

import pytest
from calling import Caller
from faults.judging import use


@pytest.fixture
def zg(capfd: pytest.CaptureFixture[str]) -> Caller:
    return Caller(capfd)


@pytest.fixture
def openai(wire: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that can be had, so that nothing else is at fault."""
    use(monkeypatch, wire)
