"""The service's database: what is written whole, or not at all, and says so."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from threading import Event

import anyio
import pytest
from sqlalchemy import (
    Column,
    Connection,
    Integer,
    MetaData,
    Table,
    func,
    insert,
    select,
)
from sqlalchemy.exc import IntegrityError

from zg_core import ConfigError
from zg_plugins_builtin.gateway.database import Database
from zg_plugins_builtin.gateway.errors import DatabaseError

pytestmark = pytest.mark.anyio
numbers = Table("numbers", MetaData(), Column("number", Integer, primary_key=True))


def add(number: int, connection: Connection) -> int:
    connection.execute(insert(numbers).values(number=number))
    return number


async def written(database: Database) -> list[int]:
    query = select(numbers.c.number).order_by(numbers.c.number)
    return await database.read(lambda c: list(c.scalars(query)))


@pytest.fixture
async def counting(database: Database) -> AsyncIterator[Database]:
    await database.write(numbers.create)
    yield database
    await database.write(numbers.drop)


async def test_what_is_written_is_read(counting: Database) -> None:
    assert await counting.write(lambda c: add(1, c)) == 1

    assert await written(counting) == [1]


async def test_a_function_that_raises_writes_nothing(counting: Database) -> None:
    def work(connection: Connection) -> None:
        add(1, connection)
        raise LookupError("no")

    with pytest.raises(LookupError):
        await counting.write(work)

    assert await written(counting) == []


async def test_many_write_at_once_and_each_stands_for_itself(
    counting: Database,
) -> None:
    refused = []

    async def write(number: int) -> None:
        try:
            await counting.write(lambda c: add(number // 2, c))
        except IntegrityError:
            refused.append(number)

    async with anyio.create_task_group() as group:
        for number in range(60):
            group.start_soon(write, number)

    assert await written(counting) == list(range(30))
    assert len(refused) == 30


async def test_who_reads_cannot_write(counting: Database) -> None:
    with pytest.raises(DatabaseError):
        await counting.read(lambda c: add(1, c))

    assert await written(counting) == []


async def test_who_stops_waiting_holds_up_nobody(counting: Database) -> None:
    with anyio.CancelScope() as scope:
        scope.cancel()
        await counting.write(lambda c: add(1, c))

    assert await counting.write(lambda c: add(2, c)) == 2
    assert 2 in await written(counting)


async def test_a_transaction_that_sqlite_undid_is_not_called_written(
    tmp_path: Path,
) -> None:
    database = Database.at(tmp_path / "full.db")
    await database.write(numbers.create)
    gate = Event()
    said: dict[int, object] = {}

    def first(connection: Connection) -> int:
        gate.wait()  # until the others wait to be in the same commit
        return add(1, connection)

    def second(connection: Connection) -> int:
        add(2, connection)
        # What SQLite does of its own accord when the disk is full.
        connection.connection.rollback()
        return 2

    async def write(number: int, work: Callable[[Connection], int]) -> None:
        try:
            said[number] = await database.write(work)
        except DatabaseError:
            said[number] = "not written"

    async with anyio.create_task_group() as group:
        group.start_soon(write, 1, first)
        group.start_soon(write, 2, second)
        group.start_soon(write, 3, lambda c: add(3, c))
        await anyio.wait_all_tasks_blocked()
        gate.set()

    assert said == {1: "not written", 2: "not written", 3: 3}
    assert await written(database) == [3]
    await database.close()


async def test_what_is_asked_for_before_the_end_is_written(tmp_path: Path) -> None:
    database = Database.at(tmp_path / "numbers.db")
    await database.write(numbers.create)
    async with anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon(database.write, lambda c, n=number: add(n, c))
        await anyio.lowlevel.checkpoint()
        await database.close()

    again = Database.at(tmp_path / "numbers.db")
    count = await again.read(lambda c: c.scalar(select(func.count(numbers.c.number))))
    await again.close()

    assert count == 20


async def test_several_who_open_it_at_once_make_its_tables_once(empty_url: str) -> None:
    opened: list[Database] = []

    async def open_() -> None:
        opened.append(await Database.open(empty_url))

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(open_)
    for database in opened:
        await database.close()

    assert len(opened) == 4


async def test_its_file_is_for_its_user_only(tmp_path: Path) -> None:
    database = Database.at(tmp_path / "new" / "gateway.db")
    await database.write(numbers.create)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "new").iterdir()}
    await database.close()

    assert modes == {0o600}


@pytest.mark.parametrize(
    "url", ["", "gateway.db", "mysql://host/name", "sqlite://", "sqlite:///:memory:"]
)
def test_what_is_no_database_of_ours_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="postgresql://user@host/name"):
        Database.at(url)


async def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    url = "postgresql://zg:canary-7f3a@127.0.0.1:1/name"
    with pytest.raises(ConfigError, match=r"127\.0\.0\.1:1") as caught:
        await Database.open(url)

    assert "canary-7f3a" not in f"{caught.value} {caught.value!r} {Database.at(url)}"


async def test_clients_are_not_told_where_the_database_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    database = Database.at("postgresql://zg@127.0.0.1:1/name")
    with pytest.raises(DatabaseError) as caught:
        await database.read(lambda c: c.scalar(select(1)))
    await database.close()

    assert "127.0.0.1" not in f"{caught.value} {caught.value.details}"
    assert "127.0.0.1" in caught.value.reason
    assert [record.message for record in caplog.records] == ["database_fault"]
