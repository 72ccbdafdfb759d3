"""Show a job as it goes on: as lines, as a tree on a terminal, or not at all."""

from __future__ import annotations

from typing import Any, Protocol, Self

from ..records import Event
from ._words import in_words

__all__ = ["View", "view_of"]


class View(Protocol):
    """Shows one job."""

    def __enter__(self) -> Self:
        """Begin."""
        ...

    def __exit__(self, *_: object) -> None:
        """Leave standard output as it was."""
        ...

    def show(self, event: Event) -> None:
        """Show what happened."""
        ...

    def say(self, text: str) -> None:
        """Show a line about the command itself."""
        ...


def view_of(output: Any, *, stream: bool | None = None) -> View:
    """Return what shows a job.

    Args:
        output: Where it is shown.
        stream: Whether answers are shown while they come; by default on a terminal.
    """
    if output.as_json:
        return _Silence()
    if not output.terminal:
        return _Lines(output, stream=bool(stream))
    from ._tree import Tree

    return Tree(output, stream=stream is not False)


class _Silence:
    """Shows nothing, for those who want the result alone."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def show(self, event: Event) -> None:
        """Show nothing."""

    def say(self, text: str) -> None:
        """Say nothing."""


class _Lines:
    """Shows a line for each event, and answers line by line where these are wanted."""

    def __init__(self, output: Any, *, stream: bool) -> None:
        self._output = output
        self._stream = stream
        # By message: its step, and the line that is not whole yet.
        self._unfinished: dict[str, tuple[object, str]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # Pieces of an answer may come after what says that it is whole.
        for message in list(self._unfinished):
            self._end_line(message)

    def show(self, event: Event) -> None:
        """Print a line, if there is something to be said."""
        if event.type == "message.delta":
            self._show_text(event)
            return
        if event.type in ("message.completed", "model.failed"):
            self._end_line(str(event.data.get("message_id")))
        if text := in_words(event):
            self._output.say(text)

    def say(self, text: str) -> None:
        """Print a line to standard error."""
        self._output.note(text)

    def _show_text(self, event: Event) -> None:
        if not self._stream:
            return
        message, step = str(event.data.get("message_id")), event.data.get("step_id")
        if event.data.get("restarted"):
            self._end_line(message)
            self._output.say(f"{step} | (the answer begins anew)")
        _, before = self._unfinished.get(message, (step, ""))
        *whole, rest = (before + str(event.data.get("delta", ""))).split("\n")
        self._unfinished[message] = step, rest
        for line in whole:
            self._output.say(f"{step} | {line}")

    def _end_line(self, message: str) -> None:
        step, rest = self._unfinished.pop(message, (None, ""))
        if rest:
            self._output.say(f"{step} | {rest}")
