"""Ask the person at the terminal what a run waits for, while it goes on."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import anyio

from zg_core._machine import RunState, advance, fold
from zg_core.engine import Engine
from zg_core.errors import InputError
from zg_core.events import Event
from zg_core.questions import OpenQuestion, open_questions
from zg_core.running.judging import EXPIRY, has_expired

from ._lines import TypedLines
from ._output import Output
from ._said import asked_lines, edited, name_of_user, value_of
from ._views import View

__all__ = ["Attendant", "somebody_is_there"]

_LEAVE = "allow it? [y]es, [n]o, [p]ause: "
_CALL = "allow it? [y]es, [n]o, [e]dit, [p]ause: "
_EDIT = "arguments, as JSON or @FILE: "
_WHY = "why (the model is told): "
_ANSWER = "answer (Ctrl-D pauses the run): "


def somebody_is_there(output: Output) -> bool:
    """Tell whether a person sees what is shown, and can type."""
    return output.terminal and bool(sys.stdin) and sys.stdin.isatty()


class Attendant:
    """Puts a run's questions to the person at the terminal, one after the other.

    Args:
        engine: What does the run.
        run_id: The run.
        output: Where it asks.
        view: What shows the run, and is set aside meanwhile.
    """

    def __init__(self, engine: Engine, run_id: str, output: Output, view: View) -> None:
        self._engine = engine
        self._run_id = run_id
        self._output = output
        self._view = view
        self._lines = TypedLines(output)
        self._state: RunState | None = None
        self._open: tuple[OpenQuestion, ...] = ()
        self._done: set[str] = set()
        self._news = anyio.Event()

    def hear(self, event: Event) -> None:
        """Take note of what happened; of all that did, from the first event on."""
        state = advance(self._state, event) if self._state else fold([event])
        self._state = state
        going_on = state.status == "running" and not state.pause_requested
        asked = open_questions(state) if going_on else ()
        self._open = tuple(q for q in asked if not has_expired(q.expires_at))
        self._news.set()
        self._news = anyio.Event()

    async def attend(self) -> None:
        """Ask what there is to ask; never returns."""
        while True:
            waiting = [q for q in self._open if q.call_key not in self._done]
            if not waiting:
                await self._news.wait()
                continue
            self._view.__exit__()
            try:
                await self._put(waiting[0])
            finally:
                self._view.__enter__()

    async def _put(self, question: OpenQuestion) -> None:
        """Ask one thing, until it is answered here or elsewhere."""
        for line in asked_lines(question):
            self._output.say(line)
        async with anyio.create_task_group() as tasks:

            async def ask() -> None:
                while question in self._open and not await self._answered(question):
                    pass
                tasks.cancel_scope.cancel()

            tasks.start_soon(ask)
            while question in self._open:
                await self._news.wait()
            if question.call_key not in self._done:  # else it hears what became of it
                tasks.cancel_scope.cancel()
        if question.call_key not in self._done:
            self._output.say(f"\n{self._why_over(question)}")

    def _why_over(self, question: OpenQuestion) -> str:
        """Say why something is asked no more; empty if the run does not go on."""
        decisions = self._state.decisions if self._state else {}
        said = decisions.get(question.call_key)
        if said is not None and said.by != EXPIRY:
            return "it was answered elsewhere"
        over = has_expired(question.expires_at)
        return "nobody answered in time" if over else ""

    async def _answered(self, question: OpenQuestion) -> bool:
        """Take a line for an answer; tell whether it was one."""
        is_input = question.kind == "input"
        prompt = _ANSWER if is_input else _CALL if question.tool else _LEAVE
        line = await self._lines.line(question.call_key, prompt)
        try:
            if line is None:
                await self._pause(question)
                return True
            if not is_input:
                return await self._decided(question, line.strip().lower())
            value = value_of(line, question)
            with self._saying(question):
                await self._engine.answer(
                    self._run_id, question.call_key, value, by=name_of_user()
                )
        except InputError as error:
            self._output.say(f"{error.cause}; {error.remedy}")
            return False
        return True

    async def _decided(self, question: OpenQuestion, word: str) -> bool:
        key, by = question.call_key, name_of_user()
        match word:
            case "y" | "yes":
                edit = None
            case "e" | "edit" if question.tool:
                edit = edited(await self._lines.line(key, _EDIT) or "")
            case "n" | "no":
                why = await self._lines.line(key, _WHY) or ""
                with self._saying(question):
                    await self._engine.reject(
                        self._run_id, key, digest=question.digest, by=by, reason=why
                    )
                return True
            case "p" | "pause":
                await self._pause(question)
                return True
            case _:
                return False
        with self._saying(question):
            await self._engine.approve(
                self._run_id, key, edit=edit, digest=question.digest, by=by
            )
        return True

    async def _pause(self, question: OpenQuestion) -> None:
        with self._saying(question):
            await self._engine.pause(
                self._run_id, "wanted at the terminal", by=name_of_user()
            )

    @contextmanager
    def _saying(self, question: OpenQuestion) -> Iterator[None]:
        """Take a question for answered here, unless what is said is refused."""
        self._done.add(question.call_key)
        try:
            yield
        except InputError:
            self._done.discard(question.call_key)
            raise
