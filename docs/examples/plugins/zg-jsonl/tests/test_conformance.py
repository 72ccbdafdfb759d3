"""The plugin keeps the contract, as everybody's does."""

from __future__ import annotations

from pathlib import Path

import pytest

from zg_core.testing import ExporterConformance


class TestJsonl(ExporterConformance):
    plugin = "zg-jsonl"
    exporter = "jsonl"

    @pytest.fixture(autouse=True)
    def own_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
