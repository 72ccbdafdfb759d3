"""Databases for tests of the service: a file always, a server for heavy tests."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import anyio
import psycopg
import pytest
from gateway.doors import Doors
from gateway.inhabited import Inhabited, inhabited
from gateway.people import Person, host_owner, person, tenant_of
from gateway.postgres import programs, serving
from gateway.watches import Watch
from pwdlib.hashers.argon2 import Argon2Hasher

from zg_plugins_builtin.gateway.database import Database
from zg_plugins_builtin.gateway.identity import Identity, Passwords
from zg_plugins_builtin.gateway.identity.signing_keys import SigningKeys


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database whose tables were made once, to be copied."""
    path = tmp_path_factory.mktemp("migrated") / "gateway.db"

    async def make() -> None:
        await (await Database.open(path)).close()

    anyio.run(make)
    return path


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a server, with ``{}`` for the database."""
    place = programs()
    if place is None:
        pytest.skip("the programs of a PostgreSQL server are not installed")
    with serving(place) as address:
        yield address


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """The address of a database without tables."""
    return _created(postgres_server)


@pytest.fixture(
    scope="session",
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.heavy)],
)
def inhabited_service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, wire: str
) -> Iterator[Inhabited]:
    """A service that runs, with two tenants in it and one of everything."""
    env = {}
    if request.param == "postgresql":
        server: str = request.getfixturevalue("postgres_server")
        env["ZG_GATEWAY_DATABASE"] = _created(server)
    with inhabited(tmp_path_factory.mktemp("home"), wire, **env) as made:
        yield made


@pytest.fixture(scope="session")
def migrated_url(postgres_server: str) -> str:
    """The address of a database whose tables were made once, to be emptied."""
    url = _created(postgres_server)

    async def make() -> None:
        await (await Database.open(url)).close()

    anyio.run(make)
    return url


def _created(server: str) -> str:
    name = f"test_{uuid4().hex}"
    with psycopg.connect(server.format("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return server.format(name)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.heavy)])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database without tables, of each kind."""
    if request.param == "postgresql":
        url: str = request.getfixturevalue("postgres_url")
        return url
    return f"sqlite:///{tmp_path / 'empty.db'}"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.heavy)])
def database_url(
    request: pytest.FixtureRequest, tmp_path: Path, migrated_file: Path
) -> str:
    """The address of a database with its tables and nothing in them, of each kind."""
    if request.param == "postgresql":
        url: str = request.getfixturevalue("migrated_url")
        _empty(url)
        return url
    path = tmp_path / "gateway.db"
    shutil.copyfile(migrated_file, path)
    return f"sqlite:///{path}"


def _empty(url: str) -> None:
    named = (
        "SELECT relname FROM pg_stat_user_tables"
        " WHERE relname NOT IN ('schema_versions', 'zg_journal_versions')"
    )
    with psycopg.connect(url) as connection:
        names = ", ".join(name for (name,) in connection.execute(named))
        connection.execute(f"TRUNCATE {names}")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A database with its tables and nothing in them, of each kind."""
    opened = Database.at(database_url)
    yield opened
    await opened.close()


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    """What hashes passwords as fast as it can, which nobody else should."""
    hasher = Argon2Hasher(memory_cost=8, time_cost=1, parallelism=1)
    made = Passwords(hasher)
    yield made
    made.close()


@pytest.fixture(scope="session")
def made_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with signing keys that were made once, to be copied."""
    folder = tmp_path_factory.mktemp("keys")
    SigningKeys(folder / "signing-keys.json", Watch())
    return folder


@pytest.fixture
async def identity(
    database: Database,
    tmp_path: Path,
    watch: Watch,
    passwords: Passwords,
    made_keys: Path,
) -> Identity:
    """Who may use the service; nobody yet."""
    shutil.copytree(made_keys, tmp_path / "keys")
    return await Identity.open(
        database,
        tmp_path / "keys",
        issuer="https://zg.example",
        audience="https://zg.example/api",
        clock=watch,
        passwords=passwords,
    )


@pytest.fixture
def doors(database: Database, identity: Identity, watch: Watch) -> Doors:
    return Doors(database, identity, watch)


@pytest.fixture
async def owner(identity: Identity) -> Person:
    return await host_owner(identity)


@pytest.fixture
async def ada(identity: Identity, owner: Person) -> Person:
    return await person(identity, owner.principal, "member", "ada")


@pytest.fixture
async def stranger(identity: Identity, owner: Person) -> Person:
    """The owner of another tenant."""
    return await tenant_of(identity, owner.principal, "initech")
