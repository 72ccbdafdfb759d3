"""A terminal whose other side a test reads."""

from __future__ import annotations

import os
import pty
from threading import Thread
from typing import Self, TextIO

from zg_core.cli import main

__all__ = ["Terminal"]


class Terminal:
    """A terminal, read all the time, since what writes to a full one waits.

    Attributes:
        descriptor: The side of the program that runs in it.
        stream: The same, as text.
    """

    def __init__(self) -> None:
        self._side, self.descriptor = pty.openpty()
        self.stream: TextIO = os.fdopen(self.descriptor, "w", encoding="utf-8")
        self._content = b""
        self._reader = Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.read()
        os.close(self._side)

    def call(self, *arguments: str) -> int:
        """Call ``zg`` in this process and in this terminal."""
        saved = os.dup(1)
        os.dup2(self.descriptor, 1)
        try:
            return main(arguments)
        finally:
            os.dup2(saved, 1)
            os.close(saved)

    def read(self) -> str:
        """Close it, and return all that was written."""
        if not self.stream.closed:
            self.stream.close()
        self._reader.join()
        return self._content.decode().replace("\r\n", "\n")

    def _read(self) -> None:
        try:
            while piece := os.read(self._side, 65536):
                self._content += piece
        except OSError:  # which is how Linux says that the program's side is closed
            pass
