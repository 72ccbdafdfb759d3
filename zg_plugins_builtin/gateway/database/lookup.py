"""One row, found by its key so often that how to find it is worked out once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, Select
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

__all__ = ["Lookup", "Prepared"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A lookup as the driver of SQLite takes it.

    Args:
        sql: The statement.
        names: The parameters, in its order.
        readers: By column, what makes a value of ours of the driver's; only of those
            that differ.
    """

    sql: str
    names: tuple[str, ...]
    readers: tuple[tuple[int, Callable[[Any], Any]], ...]

    def given(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return the values of the parameters in their order."""
        return tuple(values[name] for name in self.names)

    def read(self, row: Sequence[Any]) -> Sequence[Any]:
        """Return a row of the driver's as SQLAlchemy would."""
        values = list(row)
        for place, reader in self.readers:
            values[place] = reader(values[place])
        return values


class Lookup:
    """Finds at most one row; `Database.find` does it.

    SQLAlchemy takes longer to execute a statement than SQLite to find the row, so that
    there its part is done once: the SQL, and how to read each column.

    Args:
        statement: Selects columns by parameters that are text or numbers.
    """

    def __init__(self, statement: Select[Any]) -> None:
        self._statement = statement

    def by(
        self, connection: Connection, values: Mapping[str, Any]
    ) -> Sequence[Any] | None:
        """Return the row that SQLAlchemy finds; `None` if there is none."""
        return connection.execute(self._statement, values).one_or_none()

    @cached_property
    def prepared(self) -> Prepared:
        """It, as the driver of SQLite takes it."""
        dialect = SQLiteDialect_pysqlite()
        compiled = self._statement.compile(dialect=dialect)
        readers = []
        for place, column in enumerate(self._statement.selected_columns):
            kind = column.type.dialect_impl(dialect)
            reader = kind.result_processor(dialect, None)
            if reader is not None:
                readers.append((place, reader))
        return Prepared(
            str(compiled), tuple(compiled.positiontup or ()), tuple(readers)
        )
