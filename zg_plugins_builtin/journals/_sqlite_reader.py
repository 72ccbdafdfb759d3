"""The one thread that reads a journal's file, so that no writer waits for readers."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import anyio
from anyio import to_thread

from zg_core import JournalError

from ._sqlite_file import faults, open_to_read

__all__ = ["Reader"]

T = TypeVar("T")


class Reader:
    """Reads a journal's file in a thread of its own.

    Args:
        path: The file.
        busy_seconds: How long to wait for another process that has it locked.
    """

    def __init__(self, path: Path, *, busy_seconds: float) -> None:
        self._path = path
        self._busy_seconds = busy_seconds
        self._file: sqlite3.Connection | None = None
        self._thread = ThreadPoolExecutor(1, "zg-journal-reader")

    async def look(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Return what *query* finds in the file; where there is none, in an empty one.

        Raises:
            JournalError: If it cannot be read.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._look, query)

    async def close(self) -> None:
        """End the thread."""
        self._thread.submit(self._forget_file)
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(self._thread.shutdown)

    def _look(self, query: Callable[[sqlite3.Connection], T]) -> T:
        try:
            with faults(self._path):
                if self._file is not None:
                    return query(self._file)
                file, lasting = open_to_read(
                    self._path, busy_seconds=self._busy_seconds
                )
                if lasting:
                    self._file = file
                    return query(file)
                with closing(file):
                    return query(file)
        except JournalError:
            self._forget_file()
            raise

    def _forget_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
