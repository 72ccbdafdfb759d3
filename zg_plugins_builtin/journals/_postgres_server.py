"""The server of a PostgreSQL journal: its address, connections, and what goes wrong."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow

from zg_core import ConfigError, JournalError

from ._postgres_tables import make_tables

__all__ = ["Server", "backing_off", "fault", "lease_of", "passing"]

_DEFAULTS = {
    "application_name": "zerogravity",
    "connect_timeout": 5,
    # What a peer that is no more takes to be noticed; the system waits for hours.
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
_SESSION = """SELECT
    set_config('statement_timeout', '30s', false),
    set_config('lock_timeout', '10s', false),
    set_config('idle_in_transaction_session_timeout', %s, false),
    CASE current_setting('synchronous_commit')
        WHEN 'off' THEN set_config('synchronous_commit', 'on', false) END"""
"""Whoever is frozen within a transaction must not hold its rows for ever; and what
was waited for is on the disk, whatever others of that server do without."""


class Server:
    """Opens connections to the database of a journal.

    Args:
        address: Its address, ``postgresql://…``.
        lease_seconds: How long a transaction may wait for its client.

    Attributes:
        place: Its address without what is secret in it.
        reached: Whether it was ever reached.

    Raises:
        ConfigError: If that is none.
    """

    def __init__(self, address: str, *, lease_seconds: float) -> None:
        try:
            self._parameters: dict[str, Any] = {**conninfo_to_dict(address)}
        except psycopg.ProgrammingError:  # its text may show a part of the password
            raise ConfigError(
                "the address of the journal is none of a PostgreSQL database",
                "write postgresql://USER@HOST/DATABASE, with % codes for what is "
                "special in it",
            ) from None
        self.place = _place(self._parameters)
        self.reached = False
        self._patience = f"{max(1000, math.ceil(lease_seconds * 1000))}ms"
        self._made = False

    async def connect(self, *, autocommit: bool) -> AsyncConnection[TupleRow]:
        """Open a connection; the first makes the tables, if there are none.

        Raises:
            psycopg.Error: If it cannot be opened.
            JournalError: If the database cannot be used.
        """
        connection = await AsyncConnection.connect(
            **{**_DEFAULTS, **self._parameters, "client_encoding": "UTF8"},
            autocommit=True,
        )
        try:
            await connection.execute(_SESSION, (self._patience,))
            if not self._made:
                await make_tables(connection, self.place)
                self._made = True
            await connection.set_autocommit(autocommit)
        except BaseException:
            await connection.close()
            raise
        self.reached = True
        return connection


def lease_of(address: str, default: float) -> tuple[str, float]:
    """Return an address without its ``lease_seconds``, and those.

    Raises:
        ConfigError: If they are no number above 0.
    """
    start, mark, query = address.partition("?")
    pairs = parse_qsl(query, keep_blank_values=True)
    others = [(key, value) for key, value in pairs if key != "lease_seconds"]
    if len(others) == len(pairs):
        return address, default
    seconds = 0.0
    with suppress(ValueError):
        seconds = float(dict(pairs)["lease_seconds"])
    if not 0 < seconds < math.inf:
        raise ConfigError(
            "the lease_seconds in the address of the journal are no number above 0",
            "write, for example, postgresql://USER@HOST/DATABASE?lease_seconds=5",
        )
    # libpq knows no "+" for a space.
    kept = urlencode(others, quote_via=quote)
    return f"{start}{mark}{kept}" if kept else start, seconds


def passing(error: BaseException, tried: int = 0) -> bool:
    """Tell whether what went wrong, so often by now, may well be over in a moment."""
    if not isinstance(error, psycopg.Error):
        return isinstance(error, OSError)
    if isinstance(error, psycopg.errors.PipelineAborted):
        return False
    state = error.sqlstate
    if state is None:  # the connection was lost
        return isinstance(error, psycopg.OperationalError)
    if state in _COLLISIONS:
        return tried < _ATTEMPTS
    return state.startswith(("08", "57P")) or state in _PASSING


_ATTEMPTS = 4
_COLLISIONS = {
    "23505": "somebody else created the same run just now",
    "40001": "another transaction won",
    "40P01": "another transaction won",
}
_PASSING = {
    "25P03": "the transaction waited too long for us",
    "25P04": "the transaction took too long",
    "53300": "there are too many connections",
    "55P03": "a lock was not to be had",
}


def backing_off(tried: int) -> float:
    """Return how many seconds to wait before the next attempt."""
    return float(min(0.05 * 2**tried, 1.0))


def fault(place: str, error: BaseException) -> JournalError:
    """Return what went wrong as an error in plain words."""
    if isinstance(error, JournalError):
        return error
    text = next(filter(None, map(_said, str(error).splitlines())), type(error).__name__)
    state = getattr(error, "sqlstate", None)
    known = [words for start, *words in _FAULTS if state and state.startswith(start)]
    if known:
        cause, remedy = known[0]
    elif state is None and isinstance(error, psycopg.OperationalError | OSError):
        cause, remedy = f"cannot be reached: {text}", _REACH
    else:
        cause, remedy = f"cannot be used: {text}", "look into the server's log"
    made = JournalError(f"the journal {place!r} {cause}", remedy)
    made.__cause__ = error
    return made


_REACH = "check the server and the address, or name another with ZG_JOURNAL"
_FAULTS = (
    ("57P", "cannot be reached: its server is being stopped or started", _REACH),
    ("53300", "cannot be reached: its server has too many connections", _REACH),
    ("53100", "has no room left on its disk", "make room, and try again"),
    (
        "25006",
        "cannot be written: its server only reads",
        "name the primary server, with target_session_attrs=read-write",
    ),
    (
        "42501",
        "cannot be used: its user has not the rights",
        "grant what the tables zg_journal_* take, or CREATE on the schema",
    ),
)


def _said(line: str) -> str:
    """Return what a line of an error says that is more than that there is one."""
    line = line.strip().lstrip("- ")
    return "" if line.startswith(_IDLE) else line.removeprefix("connection failed: ")


_IDLE = ("consuming input failed", "Multiple connection attempts", "sending query")


def _place(parameters: dict[str, Any]) -> str:
    user = f"{parameters['user']}@" if "user" in parameters else ""
    host = str(parameters.get("host", parameters.get("hostaddr", "")))
    port = f":{parameters['port']}" if "port" in parameters else ""
    name = parameters.get("dbname", "")
    if host.startswith("/"):
        return f"postgresql://{user}/{name}?host={host}"
    return f"postgresql://{user}{host}{port}/{name}"
