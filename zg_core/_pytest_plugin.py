"""Fixtures for tests of plugins; nothing is imported before one is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.register_assert_rewrite("zg_core.testing.conformance")
_MARKER = "zg_recording(path): the recorded run that zg_recorded_run replays"


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", _MARKER)


def _fixture(name: str) -> Any:
    def make(request: pytest.FixtureRequest) -> Iterator[Any]:
        from .testing import _fixtures

        yield from _fixtures.provided(name, request)

    return pytest.fixture(name=f"zg_{name}")(make)


zg_host, zg_run = _fixture("host"), _fixture("run")
zg_fake_provider, zg_installed = _fixture("fake_provider"), _fixture("installed")
zg_recorded_run, zg_wire_server = _fixture("recorded_run"), _fixture("wire_server")
