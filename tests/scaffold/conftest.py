"""What the tests of the scaffold share."""

from __future__ import annotations

import pytest
from calling import Caller


@pytest.fixture
def zg(capfd: pytest.CaptureFixture[str]) -> Caller:
    return Caller(capfd)
