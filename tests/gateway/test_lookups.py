"""A row that is found by its key: what was written, and as it is now."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    MetaData,
    Table,
    Text,
    bindparam,
    insert,
    select,
    update,
)

from zg_plugins_builtin.gateway.database import Database, Lookup, Moment
from zg_plugins_builtin.gateway.errors import DatabaseError

pytestmark = pytest.mark.anyio

things = Table(
    "things",
    MetaData(),
    Column("id", Text, primary_key=True),
    Column("says", JSON(none_as_null=True)),
    Column("share", Float),
    Column("count", BigInteger),
    Column("ready", Boolean),
    Column("at", Moment),
)
FOUND = select(things).where(things.c.id == bindparam("id"))
FULL: dict[str, Any] = {
    "id": "full",
    "says": {"a": [1, 2**70, 0.1, None, "é \x00"], "": False},
    "share": 0.1,
    "count": 2**53,
    "ready": True,
    "at": datetime(2026, 3, 1, 12, 0, 0, 7000, tzinfo=UTC),
}
EMPTY = dict.fromkeys(FULL) | {"id": "empty"}


@pytest.fixture
async def keeping(database: Database) -> AsyncIterator[Database]:
    await database.write(things.create)
    await database.write(lambda c: c.execute(insert(things), [FULL, EMPTY]))
    yield database
    await database.write(things.drop)


@pytest.mark.parametrize("row", [FULL, EMPTY], ids=["full", "empty"])
async def test_every_value_is_what_was_written(
    keeping: Database, row: dict[str, Any]
) -> None:
    found = await keeping.find(Lookup(FOUND), {"id": row["id"]})

    assert found is not None
    assert list(found) == list(row.values())


async def test_what_is_not_there_is_none(keeping: Database) -> None:
    assert await keeping.find(Lookup(FOUND), {"id": "other"}) is None


async def test_it_sees_what_was_written_since_it_last_looked(
    keeping: Database,
) -> None:
    lookup = Lookup(select(things.c.count).where(things.c.id == bindparam("id")))
    seen = []
    for count in range(3):
        await keeping.write(lambda c, n=count: c.execute(update(things), {"count": n}))
        seen.append(await keeping.find(lookup, {"id": "full"}))

    assert [list(row or ()) for row in seen] == [[0], [1], [2]]


async def test_what_a_file_cannot_give_now_it_gives_later(tmp_path: Path) -> None:
    database = Database.at(tmp_path / "things.db")
    with pytest.raises(DatabaseError):
        await database.find(Lookup(FOUND), {"id": "full"})
    await database.write(things.create)
    await database.write(lambda c: c.execute(insert(things), [FULL]))

    found = await database.find(Lookup(FOUND), {"id": "full"})
    await database.close()

    assert found is not None
