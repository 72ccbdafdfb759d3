"""The file of a SQLite journal: its tables, how it is opened, what can be wrong."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from zg_core import JournalError

__all__ = ["faults", "open_to_read", "open_to_write"]

APPLICATION = 0x5A475F4A
"""What `PRAGMA application_id` says of a journal: "ZG_J"."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        # `updated_at` and `seq` are those of the latest event. `owner` is empty
        # where nobody owns the run; `lease`, in seconds since 1970, is until when
        # its owner is believed to live.
        """CREATE TABLE runs (
            number INTEGER PRIMARY KEY,
            run_id TEXT NOT NULL UNIQUE,
            status TEXT NOT NULL,
            seq INTEGER NOT NULL,
            epoch INTEGER NOT NULL DEFAULT 0,
            owner TEXT,
            lease REAL NOT NULL DEFAULT 0,
            created_at TEXT NOT NULL,
            updated_at TEXT NOT NULL,
            workflow TEXT NOT NULL,
            objective TEXT NOT NULL
        )""",
        "CREATE INDEX runs_by_status ON runs (status)",
        "CREATE INDEX runs_by_owner ON runs (owner) WHERE owner IS NOT NULL",
        # A table with row ids: what one commit writes, of many runs, is in one place.
        """CREATE TABLE events (
            run_id TEXT NOT NULL,
            seq INTEGER NOT NULL,
            body TEXT NOT NULL,
            PRIMARY KEY (run_id, seq)
        )""",
        # AUTOINCREMENT: a number is never used again, so that listeners can ask
        # for those after the last they saw.
        """CREATE TABLE requests (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            request_id TEXT NOT NULL UNIQUE,
            run_id TEXT NOT NULL,
            body TEXT NOT NULL
        )""",
    ),
)
"""What brings a file of each version to the next; its version is their number."""


def open_to_write(path: Path, *, busy_seconds: float) -> sqlite3.Connection:
    """Open the file, make it if there is none, and bring it to this version.

    Raises:
        JournalError: If that cannot be done; the file is as it was.
    """
    with faults(path), ExitStack() as stack:
        if not path.exists():
            # For its user's eyes only; SQLite's other files take after it.
            path.touch(mode=0o600)
        file = stack.enter_context(closing(_connect(path, busy_seconds, "mode=rw")))
        _version(path, file)
        file.execute("PRAGMA journal_mode = WAL")
        file.execute("PRAGMA synchronous = FULL")
        _migrate(path, file)
        stack.pop_all()
        return file


def open_to_read(path: Path, *, busy_seconds: float) -> tuple[sqlite3.Connection, bool]:
    """Open the file for reading; where there is none, a journal with nothing in it.

    Returns:
        The connection, and whether it will show what is written from now on.

    Raises:
        JournalError: If it cannot be read.
    """
    with faults(path):
        if not path.exists():
            return _empty(), False
        try:
            file = _connect(path, busy_seconds, "mode=rw")
            return _checked(path, file)
        except sqlite3.OperationalError as error:
            # SQLite keeps readers and writers apart by files beside this one. Where
            # it cannot make them nobody writes now, and it needs no such files.
            if not error.sqlite_errorname.startswith(_UNWRITABLE) or _has_more(path):
                raise
        file, _ = _checked(path, _connect(path, busy_seconds, "immutable=1"))
        return file, False


@contextmanager
def faults(path: Path) -> Iterator[None]:
    """Raise what goes wrong with the file as a `JournalError`, in plain words."""
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", "")
        for start, cause, remedy in _FAULTS:
            if name.startswith(start):
                raise _fault(path, cause, remedy) from error
        raise _fault(path, f"cannot be used: {error}", _ELSEWHERE) from error
    except OSError as error:
        raise _fault(path, f"cannot be opened: {error.strerror}", _ELSEWHERE) from error


_ELSEWHERE = "check the file and its folder, or name another with ZG_JOURNAL"
_RESTORE = "restore it from a backup, or move it away to begin a new one"
_UNWRITABLE = ("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_IOERR_SHM")
_FAULTS = (
    ("SQLITE_BUSY", "is locked by another program", "close that, and try again"),
    ("SQLITE_LOCKED", "is locked by another program", "close that, and try again"),
    ("SQLITE_FULL", "has no room left on its disk", "make room, and try again"),
    ("SQLITE_IOERR_SHM", "has no room left on its disk", "make room, and try again"),
    ("SQLITE_READONLY", "cannot be written", _ELSEWHERE),
    ("SQLITE_CANTOPEN", "cannot be opened", _ELSEWHERE),
    ("SQLITE_PERM", "cannot be opened", _ELSEWHERE),
    ("SQLITE_NOTADB", "is no journal: it is no SQLite database", _RESTORE),
    ("SQLITE_CORRUPT", "is damaged, or was cut short", _RESTORE),
    ("SQLITE_IOERR", "cannot be used: its disk fails", _ELSEWHERE),
)


def _fault(path: Path, cause: str, remedy: str) -> JournalError:
    return JournalError(f"the journal {str(path)!r} {cause}", remedy, path=str(path))


def _has_more(path: Path) -> bool:
    """Tell whether the file lacks what a writer left beside it."""
    log = path.with_name(f"{path.name}-wal")
    return log.exists() and log.stat().st_size > 0


def _connect(path: Path, busy_seconds: float, how: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?{how}",
        uri=True,
        timeout=busy_seconds,
        isolation_level=None,
        check_same_thread=False,
    )


def _checked(path: Path, file: sqlite3.Connection) -> tuple[sqlite3.Connection, bool]:
    """Return a connection to read from, and whether it is the one given."""
    with ExitStack() as stack:
        stack.enter_context(closing(file))
        if _version(path, file) == 0:
            return _empty(), False
        stack.pop_all()
    return file, True


def _empty() -> sqlite3.Connection:
    file = sqlite3.connect(":memory:", isolation_level=None)
    for migration in MIGRATIONS:
        for statement in migration:
            file.execute(statement)
    return file


def _version(path: Path, file: sqlite3.Connection) -> int:
    """Return the version of the file's tables: 0 of an empty file."""
    # In one statement: another process may be making the tables just now.
    application, version, tables = file.execute(
        "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_master)"
        " FROM pragma_application_id, pragma_user_version"
    ).fetchone()
    if application != APPLICATION and (application or version or tables):
        raise _fault(path, "is another program's database", _ELSEWHERE)
    if version > len(MIGRATIONS):
        raise _fault(
            path,
            f"was written by a newer ZeroGravity (version {version} of its tables, "
            f"and this one knows {len(MIGRATIONS)})",
            "update ZeroGravity, or name another with ZG_JOURNAL",
        )
    return int(version)


def _migrate(path: Path, file: sqlite3.Connection) -> None:
    if _version(path, file) == len(MIGRATIONS):
        return
    file.execute("BEGIN IMMEDIATE")
    # Another process may have done it while this one waited for its turn.
    for migration in MIGRATIONS[_version(path, file) :]:
        for statement in migration:
            file.execute(statement)
    file.execute(f"PRAGMA application_id = {APPLICATION}")
    file.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    file.execute("COMMIT")
