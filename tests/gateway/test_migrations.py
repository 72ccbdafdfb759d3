"""The tables: made and unmade version by version, and as the code says they are."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from zg_core import ConfigError
from zg_plugins_builtin import gateway
from zg_plugins_builtin.gateway.database import Database, metadata
from zg_plugins_builtin.gateway.database.migrating import downgrade, upgrade

pytestmark = pytest.mark.anyio
ROOT = Path(gateway.__file__).parent
SCRIPTS = ScriptDirectory(str(ROOT / "database" / "migrations"))
OWN = {"schema_versions"}

for path in ROOT.glob("*/tables.py"):
    importlib.import_module(f"{gateway.__name__}.{path.parent.name}.tables")


def names(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names()) - OWN


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(
        connection, opts={"version_table": "schema_versions", "compare_type": True}
    )
    return list(compare_metadata(context, metadata))


async def test_the_tables_are_as_the_code_says(empty_url: str) -> None:
    database = await Database.open(empty_url)

    assert await database.read(differences) == []
    await database.close()


async def test_they_go_up_and_down_and_up_again(empty_url: str) -> None:
    database = await Database.open(empty_url)
    made = await database.read(names)
    await database.write(downgrade)
    left = await database.read(names)
    await database.write(upgrade)

    assert (await database.read(names), left) == (made, set())
    assert made == set(metadata.tables)
    assert await database.read(differences) == []
    await database.close()


@pytest.mark.parametrize("revision", [s.revision for s in SCRIPTS.walk_revisions()])
async def test_each_can_be_taken_back_and_made_again(
    empty_url: str, revision: str
) -> None:
    database = Database.at(empty_url)
    await database.write(lambda c: upgrade(c, revision))
    before = await database.read(names)
    await database.write(lambda c: downgrade(c, f"{revision}@base"))
    between = await database.read(names)
    await database.write(lambda c: upgrade(c, revision))

    assert await database.read(names) == before
    assert between < before
    await database.close()


async def test_tables_of_a_newer_version_are_left_alone(empty_url: str) -> None:
    database = await Database.open(empty_url)
    newer = text("INSERT INTO schema_versions VALUES ('identity_9999')")
    await database.write(lambda c: c.execute(newer))
    before = await database.read(names)
    await database.close()

    with pytest.raises(ConfigError, match="another version"):
        await Database.open(empty_url)

    again = Database.at(empty_url)
    assert await again.read(names) == before
    await again.close()


def test_each_part_has_a_chain_of_its_own() -> None:
    for script in SCRIPTS.walk_revisions():
        part = script.revision.rpartition("_")[0]

        assert {part} == script.branch_labels, script.revision
        assert Path(script.path).stem == script.revision
