"""What tests of isolation share."""

from __future__ import annotations

from pathlib import Path

import pytest
from isolation.judging import Installation, Reference


@pytest.fixture
def installation(tmp_path: Path, wire: str) -> Installation:
    """A healthy plugin, to which bad ones can be added."""
    installation = Installation(tmp_path, wire)
    installation.add_good()
    return installation


@pytest.fixture(scope="session")
def reference() -> Reference:
    """What agents do where nothing bad is installed."""
    return Reference()
