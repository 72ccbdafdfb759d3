"""Laws of a journal: however two owners get into each other's way."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal, TypeAlias

import journal_databases
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journal_child import accepted, progressed
from laws.strategies import unhurried

from zg_core import MemoryJournal, Progressed, RunBusyError, RunNotFoundError
from zg_core.journals import Journal
from zg_plugins_builtin.journals.postgres import PostgresJournal
from zg_plugins_builtin.journals.sqlite import SqliteJournal

Act: TypeAlias = Literal["claim", "release", "append", "append two", "ride", "pause"]
ACTS = st.lists(
    st.sampled_from(["claim", "release", "append", "append two", "ride", "pause"]),
    max_size=8,
).map(lambda acts: ["claim", *acts])


class Owner:
    """One that writes as long as it believes the run to be its own, and longer."""

    def __init__(self, name: str, journal: Journal) -> None:
        self.name = name
        self.journal = journal
        self.epoch = 0
        self.seq = 0
        self.acknowledged: list[str] = []
        self.refused: list[str] = []

    async def work(self, acts: Sequence[Act]) -> None:
        for act in acts:
            with suppress(RunBusyError):
                await self.act(act)

    async def act(self, act: Act) -> None:
        match act:
            case "claim":
                self.epoch = await self.journal.claim("a")
                self.seq = (await self.journal.read("a"))[-1].seq
            case "release":
                await self.journal.release("a", self.epoch)
            case "append" | "append two":
                await self.append(2 if act == "append two" else 1)
            case "ride":
                await self.append(1, durable=False)
            case "pause":
                await asyncio.sleep(0.001)

    async def append(self, count: int, *, durable: bool = True) -> None:
        seqs = range(self.seq + 1, self.seq + 1 + count)
        self.seq += count
        text = f"{self.epoch} {self.name} {self.seq}"
        events = progressed("a", *seqs, text=text)
        try:
            await self.journal.append("a", self.epoch, events, durable=durable)
        except RunBusyError:
            self.refused.append(text)
            raise
        if durable:
            self.acknowledged.append(text)


async def check(open_journal: Callable[[], Journal], *acts: Sequence[Act]) -> None:
    owners = [Owner(f"owner{n}", open_journal()) for n in range(len(acts))]
    await owners[0].journal.create(accepted("a"))
    await asyncio.gather(*(o.work(a) for o, a in zip(owners, acts, strict=True)))
    for owner in owners:
        await owner.journal.close()
    journal = open_journal()
    events = await journal.read("a")
    await journal.close()

    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    texts = [event.message for event in events if isinstance(event, Progressed)]
    writers = [text.rpartition(" ")[0] for text in texts]
    epochs = [int(text.split()[0]) for text in texts]
    assert epochs == sorted(epochs)
    assert len(set(writers)) == len(set(epochs))
    for owner in owners:
        assert set(owner.acknowledged) <= set(texts)
        assert not set(owner.refused) & set(texts)


@settings(unhurried, max_examples=40)
@given(first=ACTS, second=ACTS)
def test_there_are_no_gaps_and_no_foreign_writes_in_a_file(
    first: Sequence[Act], second: Sequence[Act]
) -> None:
    """Each claim succeeds at once: the lease of the other has lapsed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "runs.db"
        asyncio.run(check(lambda: SqliteJournal(path, lease_seconds=0), first, second))


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The address of a PostgreSQL database."""
    with journal_databases.server() as server:
        yield journal_databases.created(server)


@pytest.mark.heavy
@settings(unhurried, max_examples=40)
@given(first=ACTS, second=ACTS)
def test_there_are_no_gaps_and_no_foreign_writes_on_a_server(
    address: str, first: Sequence[Act], second: Sequence[Act]
) -> None:
    async def empty() -> None:
        journal = PostgresJournal(address)
        with suppress(RunNotFoundError):
            await journal.delete("a")
        await journal.close()

    asyncio.run(empty())
    asyncio.run(check(lambda: PostgresJournal(address, lease_seconds=0), first, second))


@unhurried
@given(first=ACTS, second=ACTS)
def test_there_are_no_gaps_and_no_foreign_writes_in_memory(
    first: Sequence[Act], second: Sequence[Act]
) -> None:
    journal = MemoryJournal()
    asyncio.run(check(lambda: journal, first, second))
