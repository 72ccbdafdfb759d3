"""Lines that a person types, each in answer to what was asked when it was typed."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from dataclasses import dataclass

from zg_core._threads import in_thread

from ._output import Output

__all__ = ["TypedLines"]


@dataclass(frozen=True, slots=True)
class _Reading:
    """A line that is waited for.

    Attributes:
        about: What was asked when it began.
        line: What comes of it.
    """

    about: str
    line: asyncio.Future[str]


class TypedLines:
    """Reads lines from the terminal; one that answers something else is dropped.

    A terminal cannot be told that nobody wants its next line any more. So a line that
    was begun when another question stood there is never taken for an answer to this.

    Args:
        output: The terminal.
    """

    def __init__(self, output: Output) -> None:
        self._output = output
        self._reading: _Reading | None = None

    async def line(self, about: str, prompt: str) -> str | None:
        """Return the next line; `None` if there is none any more.

        Args:
            about: What it is to be an answer to.
            prompt: What to say before.
        """
        while True:
            if self._reading is None:
                _forget_typed()
            self._output.write(prompt)
            if self._reading is None:
                read = asyncio.ensure_future(in_thread(sys.stdin.readline))
                self._reading = _Reading(about, read)
            reading = self._reading
            text = await asyncio.shield(reading.line)
            self._reading = None
            if reading.about == about:
                return text.rstrip("\r\n") if text else None


def _forget_typed() -> None:
    """Drop what was typed before anything was asked, which can be no answer."""
    with suppress(ImportError, OSError, ValueError):
        import termios  # which only Unix has

        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
