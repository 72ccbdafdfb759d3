"""What the commands of ``zg runs`` do that let people decide."""

from __future__ import annotations

from zg_core.engine import Engine
from zg_core.outcomes import Outcome
from zg_core.questions import OpenQuestion

from ._invocation import Invocation
from ._output import Output
from ._report import CUT_OFF
from ._runs import status_of, whole_id
from ._said import asked_lines, command_for, edited, name_of_user, value_of

__all__ = ["answer_run", "decide_run", "list_approvals"]


async def list_approvals(invocation: Invocation, name: str | None) -> None:
    """Print what a run waits for people to say, or what all runs do."""
    output = invocation.output
    async with invocation.engine(invocation.config()) as engine:
        run_id = None if name is None else await whole_id(engine, name)
        found = await engine.pending(run_id)
    output.document([question.document() for question in found])
    if not found:
        output.say("nobody is asked anything")
    for question in found:
        output.say(f"run {question.run_id}, call {question.call}")
        for line in asked_lines(question):
            for part in line.splitlines():
                output.say(f"  {part}")
        output.say(f"  {command_for(question)}")


async def decide_run(
    invocation: Invocation,
    name: str,
    call: str,
    *,
    allow: bool,
    edit: str | None = None,
    digest: str | None = None,
    by: str | None,
    reason: str,
) -> None:
    """Allow or refuse what a run asks about."""
    async with invocation.engine(invocation.config()) as engine:
        run_id = await whole_id(engine, name)
        by = name_of_user() if by is None else by
        if allow:
            arguments = None if edit is None else edited(edit)
            outcome = await engine.approve(
                run_id, call, edit=arguments, digest=digest, by=by, reason=reason
            )
        else:
            outcome = await engine.reject(
                run_id, call, digest=digest, by=by, reason=reason
            )
        word = "allowed" if allow else "refused"
        await _say_done(invocation.output, engine, run_id, word, outcome)


async def answer_run(
    invocation: Invocation, name: str, call: str, value: str, *, by: str | None
) -> None:
    """Give what a run asks for."""
    async with invocation.engine(invocation.config()) as engine:
        run_id = await whole_id(engine, name)
        asked = [q for q in await engine.pending(run_id) if _is_meant(q, call)]
        told = value_of(value, asked[0]) if len(asked) == 1 else value
        by = name_of_user() if by is None else by
        outcome = await engine.answer(run_id, call, told, by=by)
        await _say_done(invocation.output, engine, run_id, "answered", outcome)


def _is_meant(question: OpenQuestion, call: str) -> bool:
    return question.call_key == call or question.call.startswith(call)


async def _say_done(
    output: Output, engine: Engine, run_id: str, word: str, outcome: Outcome
) -> None:
    """Say what became of a decision."""
    status = await status_of(engine, run_id)
    left = await engine.pending(run_id)
    output.document(
        {
            "run_id": run_id,
            "decided": word,
            "done": outcome.done,
            "status": (await engine.result(run_id)).status,
            "waiting": len(left),
        }
    )
    if outcome.done:
        output.say(f"{word}; run {run_id} is {status}")
    else:
        output.say(f"not {word} yet: whoever does run {run_id} was asked")
    if status in ("paused", CUT_OFF):
        output.say(f"go on with: zg runs resume {run_id}")
