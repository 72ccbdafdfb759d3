"""Show a run as it goes on: as plain lines, or not at all."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol, Self

from zg_core._machine import RunState
from zg_core.events import (
    Event,
    ModelAnswered,
    ModelFailed,
    RunCancelled,
    RunFailed,
    RunFinished,
    RunPaused,
    RunStarted,
)
from zg_core.running.recorder import TextDelta

from ._output import Output
from ._words import in_words, place

__all__ = ["Lines", "Silence", "View"]


class View(Protocol):
    """Shows one run."""

    def __enter__(self) -> Self:
        """Begin."""
        ...

    def __exit__(self, *_: object) -> None:
        """Leave standard output as it was."""
        ...

    def show(self, item: Event | TextDelta, state: RunState, *, new: bool) -> None:
        """Show what happened.

        Args:
            item: The event, or a piece of an answer.
            state: The state of the run with it.
            new: Whether it happened now, and not before the run was taken up.
        """
        ...

    def say(self, text: str) -> None:
        """Show a line about the command itself."""
        ...


class Silence:
    """Shows nothing, for those who want the result alone."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def show(self, item: Event | TextDelta, state: RunState, *, new: bool) -> None:
        """Show nothing."""

    def say(self, text: str) -> None:
        """Say nothing."""


class Lines:
    """Shows a line for each event, and answers line by line as they come."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._unfinished: dict[str, str] = {}
        self._shown: set[str] = set()  # calls of whose answers something was

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def show(self, item: Event | TextDelta, state: RunState, *, new: bool) -> None:
        """Print a line, if there is something new to be said."""
        if isinstance(item, TextDelta):
            self._show_text(item)
            return
        if isinstance(item, ModelAnswered | ModelFailed):
            self._end_line(item)
        if isinstance(item, RunStarted):
            # A drill that it began under is over, if it is taken up again.
            began = item if new else replace(item, drill="")
            self._output.say(in_words(began))
            out = state.out
            self._output.say(f"run {item.run_id}, with its files in {out}")
        elif isinstance(item, RunFinished | RunFailed | RunCancelled | RunPaused):
            pass  # how it ended is said at the end, at length
        elif new and (text := in_words(item)):
            self._output.say(text)

    def say(self, text: str) -> None:
        """Print a line to standard error."""
        self._output.note(text)

    def _show_text(self, delta: TextDelta) -> None:
        if delta.restarted and delta.call_key in self._shown:
            self._end_line(delta)
            self._output.say(f"{place(delta.step)} | (the answer begins anew)")
            self._shown.remove(delta.call_key)
        if delta.text.strip():
            self._shown.add(delta.call_key)
        text = self._unfinished.get(delta.call_key, "") + delta.text
        *whole, self._unfinished[delta.call_key] = text.split("\n")
        for line in whole:
            self._output.say(f"{place(delta.step)} | {line}")

    def _end_line(self, item: TextDelta | ModelAnswered | ModelFailed) -> None:
        if rest := self._unfinished.pop(item.call_key, ""):
            self._output.say(f"{place(item.step)} | {rest}")
