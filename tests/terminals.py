"""A terminal whose other side a test reads, and types at."""

from __future__ import annotations

import os
import pty
import sys
from collections.abc import Callable
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
        self._heard = 0
        self._answers: list[tuple[bytes, str | Callable[[], None]]] = []
        self._typed: TextIO | None = None
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

    def attend(self, *answers: tuple[str, str | Callable[[], None]]) -> None:
        """Sit in front of it: type, or do, something whenever a prompt comes.

        Args:
            *answers: Each prompt, in order, and what is typed or called then.
        """
        self._answers = [(prompt.encode(), then) for prompt, then in answers]
        self._typed = os.fdopen(os.dup(self.descriptor), encoding="utf-8")
        sys.stdin = self._typed

    def _answer(self) -> None:
        while self._answers:
            prompt, then = self._answers[0]
            place = self._content.find(prompt, self._heard)
            if place < 0:
                return
            self._heard = place + len(prompt)
            del self._answers[0]
            if callable(then):
                then()
            else:
                os.write(self._side, then.encode())

    def read(self) -> str:
        """Close it, and return all that was written."""
        if self._typed:
            os.write(self._side, b"\n")  # for a reader that nobody waits for any more
            self._typed.close()
            self._typed = None
        if not self.stream.closed:
            self.stream.close()
        self._reader.join()
        return self._content.decode().replace("\r\n", "\n")

    def _read(self) -> None:
        try:
            while piece := os.read(self._side, 65536):
                self._content += piece
                self._answer()
        except OSError:  # which is how Linux says that the program's side is closed
            pass
