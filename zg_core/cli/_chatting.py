"""Hold a conversation: a message in, a run, an answer out, and so on."""

from __future__ import annotations

import re
from contextlib import aclosing
from dataclasses import asdict, dataclass, replace

import anyio

from zg_core._choice import choose_model
from zg_core._groups import ungrouped
from zg_core._machine import RunState, fold
from zg_core.engine import Engine
from zg_core.errors import (
    JournalError,
    LimitError,
    RunCancelledError,
    ZeroGravityError,
)
from zg_core.events import Event, HistoryCompacted, ToolStarted
from zg_core.results import RunResult
from zg_core.running.limiting import step_limits
from zg_core.running.recorder import TextDelta
from zg_core.usage import Limits, Usage
from zg_core.workflows import RunOptions, Step, Workflow

from ._attending import Attendant, somebody_is_there
from ._bounds import Bounds
from ._interrupts import interruptible
from ._invocation import Invocation, current_invocation
from ._output import Output
from ._runs import whole_id
from ._starting import prepare
from ._turns import Turn, taken_up, text_of
from ._typed import Typed
from ._views import Silence
from ._words import calls, cost, names, tokens

__all__ = ["Wish", "talk"]

_HELP = """\
/agent NAME   talk with another agent from now on
/model NAME   ask another model from now on
/cost         what the conversation took until now
/new          begin another conversation
/help         list these
/exit         end, as Ctrl-D does"""
_COMMAND = re.compile(r"/[A-Za-z]+(?!\S)")
_CHAT = "chat"
_AGENT = "assistant"
_SHOWN_BEFORE = 4  # messages of a conversation that is taken up again


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the command line says of a conversation."""

    agent: str | None
    model: str | None
    continues: str | None
    out: str | None
    bounds: Bounds
    download: bool


def _conversation(agent: str) -> Workflow:
    """Return what is done for a message."""
    return Workflow(_CHAT, (Step(_CHAT, agent=agent),))


async def talk(invocation: Invocation, wish: Wish) -> int:
    """Hold a conversation until the user ends it, and return the exit code."""
    output = invocation.output
    output.one_line = True
    async with invocation.engine(invocation.config()) as engine:
        chat = Chat(engine, output, wish)
        typed = Typed(output, await chat.begin())
        while (text := await typed.message()) is not None:
            if _COMMAND.match(text):
                if not await chat.obey(text):
                    break
            elif text.strip():
                await chat.ask(text)
    if chat.latest:
        output.note(f"go on with: zg chat --continue {chat.latest}")
    return chat.exit_code


class Chat:
    """One conversation under way.

    Attributes:
        latest: The run that answered last; empty if none did.
        exit_code: What the command exits with: 1 if the last answer failed.
    """

    def __init__(self, engine: Engine, output: Output, wish: Wish) -> None:
        self._engine = engine
        self._output = output
        self._wish = wish
        self._agent = ""
        self._spent: list[RunState] = []
        self.latest = ""
        self.exit_code = 0

    async def begin(self) -> list[str]:
        """Take the conversation up, show its end, and return what the user said.

        Raises:
            InputError: If there is no such run.
            ConfigError: If the model cannot be had.
            UnknownNameError: If there is no agent of that name, or a step is limited
                that there is not.
        """
        wish, output = self._wish, self._output
        engine, steps = self._engine, wish.bounds.step_limits()
        step_limits(_conversation(_AGENT), steps, engine.config, engine.host)
        turn = Turn()
        if wish.continues is not None:
            run_id = await whole_id(self._engine, wish.continues)
            turn = await taken_up(self._engine, run_id)
        self.latest = turn.run_id
        await self.change_model(wish.model)
        if turn.unanswered:
            output.note(f"run {turn.unanswered}, and has no answer")
            output.note(
                f"this goes on from run {turn.run_id}, which has"
                if turn.run_id
                else "nothing was said before it: this is a new conversation"
            )
        self.change_agent(wish.agent or turn.agent or _AGENT)
        for message in turn.said[-_SHOWN_BEFORE:]:
            mark = "> " if message.role == "user" else ""
            output.say(f"{mark}{message.text}\n")
        return [said.text for said in turn.said if said.role == "user"]

    def change_agent(self, name: str) -> None:
        """Talk with another agent from now on.

        Raises:
            UnknownNameError: If there is none of that name.
        """
        self._agent = self._engine.host.find("agent", name).qualified
        who = names([self._agent])
        self._output.note(f"you talk with {who}; /help lists what to type")

    async def change_model(self, name: str | None) -> None:
        """Ask another model from now on.

        Raises:
            ConfigError: If there is none, or it cannot be had.
        """
        engine = self._engine
        model, why = choose_model(engine.config, engine.host, name)
        await prepare(engine, model, self._output, download=self._wish.download)
        self._wish = replace(self._wish, model=name)
        self._output.note(f"model {model} ({why})")

    async def obey(self, text: str) -> bool:
        """Do what a line says that is a command; `False` ends it all."""
        word, _, rest = text.strip().partition(" ")
        try:
            match word:
                case "/exit" | "/quit":
                    return False
                case "/agent" if rest:
                    self.change_agent(rest.strip())
                case "/model" if rest:
                    await self.change_model(rest.strip())
                case "/cost":
                    self._output.note(self._took())
                case "/new":
                    self.latest = ""
                    self._output.note("this is a new conversation")
                case "/help":
                    self._output.note(_HELP)
                case "/agent" | "/model":
                    self._output.note(f"name one: {word} NAME")
                case _:
                    self._output.note(f"there is no {word}; what there is:\n{_HELP}")
        except ZeroGravityError as error:
            self._output.error(error)
        return True

    def _took(self) -> str:
        usage = sum((run.usage for run in self._spent), Usage())
        nanos = sum(run.cost_nanos for run in self._spent)
        unpriced = sum(run.unpriced_calls for run in self._spent)
        spent = cost(nanos / 1e9, unpriced, usage.calls)
        return f"{calls(usage.calls)}, {tokens(usage.total_tokens)}, cost {spent}"

    async def ask(self, text: str) -> None:
        """Have a message answered, and show the answer while it comes."""
        engine, wish = self._engine, self._wish
        try:
            run_id = await engine.accept(
                _conversation(self._agent),
                text,
                options=RunOptions(
                    model=wish.model,
                    limits=self._left(wish.bounds.limits()),
                    step_limits={
                        step: self._left(most)
                        for step, most in wish.bounds.step_limits().items()
                    },
                    out=wish.out,
                    continues=self.latest or None,
                ),
            )
        except JournalError:
            raise
        except ZeroGravityError as error:
            self._failed(error)
            return
        try:
            shown = await self._show(run_id)
        except RunCancelledError:
            self._output.say("\n(stopped)")
        except JournalError:
            raise
        except ZeroGravityError as error:
            self._failed(error)
        else:
            self._answered(await engine.result(run_id), shown=shown)
        self._spent.append(fold(await engine.journal.read(run_id)))

    def _failed(self, error: ZeroGravityError) -> None:
        current_invocation().trace(error)
        self._output.error(error)
        self.exit_code = error.exit_code

    def _answered(self, result: RunResult, *, shown: str) -> None:
        self.latest, self.exit_code = result.run_id, 0
        text = text_of(result.output)
        if self._output.as_json:
            facts = {
                "run_id": result.run_id,
                "answer": result.output,
                "artifacts": [artifact.path for artifact in result.artifacts],
                "usage": result.document()["usage"],
                "cost_usd": result.cost_usd,
                "unpriced_calls": result.unpriced_calls,
            }
            self._output.line(facts)
        elif shown.strip() == text.strip():
            self._output.say()
        else:
            self._output.say(f"\n{text}" if shown else text)
        for artifact in result.artifacts:
            self._output.note(f"wrote {artifact.path} in {result.out}")

    def _left(self, limits: Limits) -> Limits:
        """Return what the next answer may spend of what the conversation may.

        Its one step has spent what it has.

        Raises:
            LimitError: If that is nothing.
        """
        runs = self._spent
        spent = {
            "usd": sum(run.cost_nanos + run.lost_nanos for run in runs) / 1e9,
            "tokens": sum(run.usage.total_tokens + run.lost_tokens for run in runs),
            "calls": sum(run.calls for run in runs),
            "seconds": 0,  # which each answer has anew
        }
        left = {
            name: most - spent[name]
            for name, most in asdict(limits).items()
            if most is not None
        }
        if any(most <= 0 for most in left.values()):
            raise LimitError(
                "the conversation has spent what it may",
                "go on with a higher limit: zg chat --continue last",
            )
        return Limits(**left)

    async def _show(self, run_id: str) -> str:
        """Do a run, and return what was shown of its answer while it came."""
        shown: list[str] = []
        streaming = self._output.terminal
        attended = somebody_is_there(self._output)
        attendant = Attendant(self._engine, run_id, self._output, Silence())
        with ungrouped():
            async with anyio.create_task_group() as tasks:
                if attended:
                    tasks.start_soon(attendant.attend)

                def stop() -> None:
                    self._output.note("\nstopping; Ctrl-C once more ends it at once")
                    tasks.start_soon(self._engine.cancel, run_id, "Ctrl-C")

                with interruptible(stop, lambda: None):
                    items = self._engine.stream_run(
                        run_id, deltas=streaming, attended=attended
                    )
                    async with aclosing(items):
                        async for item in items:
                            self._show_item(item, shown)
                            if isinstance(item, Event):
                                attendant.hear(item)
                tasks.cancel_scope.cancel()
        return "".join(shown)

    def _show_item(self, item: Event | TextDelta, shown: list[str]) -> None:
        match item:
            case TextDelta(step="chat"):
                self._show_piece(item, shown)
            case ToolStarted():
                self._output.note(f"  {names([item.tool])} …")
            case HistoryCompacted(complete=True):
                self._output.note("  (summed up what was before)")
            case HistoryCompacted():
                self._output.note("  (what was before is left out this time: too long)")

    def _show_piece(self, piece: TextDelta, shown: list[str]) -> None:
        if piece.restarted and "".join(shown).strip():
            self._output.say("\n(the answer begins anew)")
            shown.clear()
        self._output.write(piece.text)
        shown.append(piece.text)
