"""Find where a conversation can be taken up."""

from __future__ import annotations

import json
from dataclasses import dataclass

from zg_core._json import Json
from zg_core._machine import RunState, fold
from zg_core.engine import Engine
from zg_core.errors import RunNotFoundError
from zg_core.messages import Message

__all__ = ["Turn", "taken_up", "text_of"]

_ANSWERED = ("completed", "degraded")


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Where a conversation is taken up.

    Attributes:
        run_id: The run that answered last; empty if none did.
        agent: Qualified name of whom the user talked with; empty if that were several.
        said: All that was said until then.
        unanswered: The run that was named and its status, where it gave no answer.
    """

    run_id: str = ""
    agent: str = ""
    said: tuple[Message, ...] = ()
    unanswered: str = ""


async def taken_up(engine: Engine, run_id: str) -> Turn:
    """Return the last turn of a run's conversation that was answered.

    Args:
        engine: What has the runs.
        run_id: A run of the conversation, answered or not.

    Raises:
        RunNotFoundError: If there is no such run.
    """
    named = fold(await engine.journal.read(run_id))
    state: RunState | None = named
    while state is not None and state.status not in _ANSWERED:
        state = await _before(engine, state)
    return Turn(
        run_id=state.accepted.run_id if state else "",
        agent=_agent(named),
        said=_said(state) if state else (),
        unanswered="" if state is named else f"{run_id} is {named.status}",
    )


async def _before(engine: Engine, state: RunState) -> RunState | None:
    earlier = state.accepted.options.continues
    if earlier is None:
        return None
    try:
        return fold(await engine.journal.read(earlier))
    except RunNotFoundError:  # it was forgotten
        return None


def _agent(state: RunState) -> str:
    steps = state.workflow.steps
    if len(steps) != 1:
        return ""
    return state.agents.get(steps[0].name, steps[0].agent)


def _said(state: RunState) -> tuple[Message, ...]:
    answer = Message.assistant(text_of(state.output))
    return (*state.history, Message.user(state.objective), answer)


def text_of(answer: Json) -> str:
    """Return an answer as text; empty if there is none."""
    if answer is None:
        return ""
    if isinstance(answer, str):
        return answer
    return json.dumps(answer, indent=2, ensure_ascii=False)
