"""Print: the one place that does."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TextIO

from zg_core._json import Json
from zg_core.errors import ZeroGravityError

__all__ = ["Output", "plain"]

# Models and plugins write these: ANSI escapes repaint a terminal, and characters
# that turn the direction of writing make a path look like another one.
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]"
)

_NOTHING = "-"


def plain(text: str) -> str:
    """Return *text* without what would do something to a terminal."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


class Output:
    """What a command has to say, in words or as one JSON document.

    Args:
        stdout: Where results go.
        stderr: Where everything about the command itself goes.
        as_json: Whether the result is one JSON document and nothing else.

    Attributes:
        one_line: Whether each document, an error as well, is a line of its own.
    """

    def __init__(self, stdout: TextIO, stderr: TextIO, *, as_json: bool) -> None:
        self.stdout = stdout
        self.stderr = stderr
        self.as_json = as_json
        self.one_line = False

    @property
    def terminal(self) -> bool:
        """Whether a person is looking at standard output."""
        return not self.as_json and self.stdout.isatty()

    def document(self, value: Json) -> None:
        """Print a JSON value, if JSON was asked for."""
        if self.one_line:
            self.line(value)
        elif self.as_json:
            unicode = (self.stdout.encoding or "").lower().startswith("utf")
            text = json.dumps(value, indent=2, ensure_ascii=not unicode, default=str)
            self.stdout.write(f"{text}\n")

    def line(self, value: Json) -> None:
        """Print a JSON value on a line of its own, at once, if JSON was asked for."""
        if self.as_json:
            self.stdout.write(f"{json.dumps(value, default=str)}\n")
            self.stdout.flush()

    def say(self, text: str = "") -> None:
        """Print a line of the result for people; nothing if JSON was asked for."""
        if not self.as_json:
            self.stdout.write(f"{plain(text)}\n")
            self.stdout.flush()

    def write(self, text: str) -> None:
        """Print a piece of the result for people, which goes on with the next."""
        if not self.as_json:
            self.stdout.write(plain(text))
            self.stdout.flush()

    def note(self, text: str) -> None:
        """Print a line about the command itself, to standard error."""
        with suppress(OSError):  # there is no other place to say so
            self.stderr.write(f"{plain(text)}\n")

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Print rows under their columns' names, for people."""
        lines = [list(columns), *([_cell(value) for value in row] for row in rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        room = shutil.get_terminal_size().columns if self.terminal else 0
        shown: list[str] = []
        for cells in lines:
            padded = (cell.ljust(w) for cell, w in zip(cells, widths, strict=True))
            line = "  ".join(padded).rstrip()
            shown.append(f"{line[: room - 1]}…" if 1 < room < len(line) else line)
        self.say("\n".join(shown))

    def error(self, error: ZeroGravityError) -> None:
        """Print an error, with what can be done about it."""
        described = {
            **error.details,
            "type": type(error).__name__,
            "cause": error.cause,
            "remedy": error.remedy,
        }
        in_words = not self.as_json
        try:
            self.document({"error": described})
        except OSError:  # standard output takes no more
            in_words = True
        if in_words:
            first, *rest = error.cause.splitlines() or [""]
            self.note(f"error: {first}")
            for line in (*rest, *error.remedy.splitlines()):
                self.note(f"  {line}")

    @contextmanager
    def bar(
        self, label: str, total: int, *, of_bytes: bool = True
    ) -> Iterator[Callable[[int], None]]:
        """Show how far something is; yields what is told each further amount.

        Args:
            label: What is going on.
            total: What all the amounts come to.
            of_bytes: Whether they are bytes, or else things.
        """
        if not self.stderr.isatty():
            self.note(label)
            yield lambda _: None
            return
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
        )

        amounts = DownloadColumn() if of_bytes else MofNCompleteColumn()
        columns = TextColumn("{task.description}"), BarColumn(), amounts
        with Progress(*columns, console=Console(file=self.stderr)) as progress:
            task = progress.add_task(plain(label), total=total)
            yield lambda amount: progress.advance(task, amount)


def _cell(value: object) -> str:
    if value is None:
        return _NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple | list):
        return ", ".join(map(_cell, value)) or _NOTHING
    return " ".join(plain(str(value)).split()) or _NOTHING
