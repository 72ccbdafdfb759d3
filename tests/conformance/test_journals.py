"""The journals that come with ZeroGravity keep the contract."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from zg_core import Journal, MemoryJournal
from zg_core.testing import JournalConformance
from zg_plugins_builtin.journals.sqlite import SqliteJournal


class TestMemoryJournal(JournalConformance):
    @pytest.fixture
    def open_journal(self) -> Callable[[], Journal]:
        journal = MemoryJournal()
        return lambda: journal


class TestSqliteJournal(JournalConformance):
    @pytest.fixture
    def open_journal(self, tmp_path: Path) -> Callable[[], Journal]:
        return lambda: SqliteJournal(tmp_path / "runs.db")
