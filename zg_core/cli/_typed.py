"""What the user types: messages of one line or of several."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import anyio.to_thread

from ._output import Output

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession

__all__ = ["Typed"]

_PROMPT = "> "
_MOST = 1_000_000  # characters of a line; what is longer is refused for its length


class Typed:
    """Reads messages: edited on a terminal, a line each from anything else.

    Args:
        output: Where they are edited.
        before: Earlier messages, to be found with the arrow keys.
    """

    def __init__(self, output: Output, before: Sequence[str]) -> None:
        self._output = output
        self._session: PromptSession[str] | None = None
        if output.terminal and sys.stdin and sys.stdin.isatty():
            self._session = _session(output, before)

    async def message(self) -> str | None:
        """Return the next message; `None` when there are no more."""
        if self._session is None:
            return await self._line()
        while True:
            try:
                return await self._session.prompt_async(_PROMPT)
            except KeyboardInterrupt:
                self._output.note("Ctrl-D ends the conversation")
            except EOFError:
                return None

    async def _line(self) -> str | None:
        if not sys.stdin:
            return None
        line = await anyio.to_thread.run_sync(
            sys.stdin.readline, _MOST, abandon_on_cancel=True
        )
        return line.rstrip("\r\n") if line else None


def _session(output: Output, before: Sequence[str]) -> PromptSession[str]:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import InMemoryHistory
    from prompt_toolkit.input import create_input
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
    from prompt_toolkit.output import create_output

    keys = KeyBindings()

    @keys.add("enter")
    def send(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    @keys.add("escape", "enter")
    def begin_line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return PromptSession(
        multiline=True,
        key_bindings=keys,
        history=InMemoryHistory(list(before)),
        input=create_input(sys.stdin),
        output=create_output(stdout=output.stdout),
    )
