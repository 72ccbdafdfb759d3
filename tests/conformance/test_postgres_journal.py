"""The journal on PostgreSQL keeps the contract, on a server of the tests' own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import journal_databases
import pytest

from zg_core import Journal
from zg_core.testing import JournalConformance
from zg_plugins_builtin.journals.postgres import PostgresJournal


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with journal_databases.server() as address:
        yield address


@pytest.mark.heavy
class TestPostgresJournal(JournalConformance):
    @pytest.fixture
    def open_journal(self, server: str) -> Callable[[], Journal]:
        address = journal_databases.created(server)
        return lambda: PostgresJournal(address)
