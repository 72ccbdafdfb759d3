"""Bring the tables to a version: at start, by one process at a time."""

from __future__ import annotations

from importlib import resources
from threading import Lock

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, text

from zg_core.plugin_api import ConfigError

__all__ = ["downgrade", "upgrade"]

LOCK = 0x5A475F47
"""What PostgreSQL's advisory lock is called: "ZG_G"."""

_alembic = Lock()
"""Alembic keeps what it works on in variables of its modules."""


def upgrade(connection: Connection, to: str = "heads") -> None:
    """Bring the tables up to a version; in the connection's transaction.

    Args:
        connection: The database.
        to: The revision; ``heads`` is the newest of every part.

    Raises:
        ConfigError: If the tables were made by a newer version.
    """
    _exclude_others(connection)
    try:
        with _alembic:
            command.upgrade(_config(connection), to)
    except CommandError as error:
        raise ConfigError(
            f"the tables of the database are of another version: {error}",
            "use the version of ZeroGravity that made them, or a newer one",
        ) from error


def downgrade(connection: Connection, to: str = "base") -> None:
    """Bring the tables down to a version; what newer ones kept is lost.

    Args:
        connection: The database.
        to: The revision; ``base`` is no table at all.
    """
    _exclude_others(connection)
    with _alembic:
        command.downgrade(_config(connection), to)


def _exclude_others(connection: Connection) -> None:
    """Wait until no other process migrates, and hold others off until the end."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SET LOCAL lock_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})


def _config(connection: Connection) -> Config:
    config = Config()
    folder = resources.files(__package__) / "migrations"
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
