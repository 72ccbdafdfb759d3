"""Fixtures for tests of plugins; nothing is imported before one is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.register_assert_rewrite("zg_core.testing.conformance")


def _fixture(name: str) -> Any:
    def make(tmp_path: Path) -> Any:
        from .testing import _fixtures

        return getattr(_fixtures, name)(tmp_path)

    return pytest.fixture(name=f"zg_{name}")(make)


zg_host, zg_run = _fixture("host"), _fixture("run")
zg_fake_provider, zg_installed = _fixture("fake_provider"), _fixture("installed")
