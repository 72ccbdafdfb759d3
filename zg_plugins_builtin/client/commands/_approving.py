"""``zg --server ADDRESS runs approvals|approve|reject|answer``: let people decide."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

import zg_core as zg
from zg_core import current_invocation, json_option

from ._opening import called, here_only, job_id_of, opened
from ._values import edited as edited_of
from ._values import value_of

if TYPE_CHECKING:
    from ..asynchronous import AsyncClient

__all__ = ["APPROVALS"]

_by_option = here_only("--by", why="who decides is who has the key")
_digest_option = click.option(
    "--digest",
    metavar="SHA256",
    help="What was looked at, as it is shown: refuse to decide if it is something "
    "else by now.",
)


@click.command()
@click.argument("run", required=False)
@json_option
def approvals(run: str | None) -> None:
    """Show what runs ask people about: RUN alone, or all of them."""
    import anyio

    anyio.run(_list, run)


@click.command()
@click.argument("run")
@click.argument("call")
@click.option(
    "--edit",
    metavar="JSON|@FILE",
    help="Do it with these arguments instead; all of them.",
)
@click.option("--reason", default="", help="Why, for the record.")
@_by_option
@_digest_option
@json_option
def approve(
    run: str, call: str, edit: str | None, reason: str, digest: str | None
) -> None:
    """Allow a call that RUN asks about.

    CALL is the call's id, or the beginning of it; zg runs approvals shows it.
    """
    import anyio

    edited = None if edit is None else edited_of(edit)
    anyio.run(partial(_decide, run, call, True, reason, digest, edited))


@click.command()
@click.argument("run")
@click.argument("call")
@click.option("--reason", default="", help="Why; the model is told.")
@_by_option
@_digest_option
@json_option
def reject(run: str, call: str, reason: str, digest: str | None) -> None:
    """Refuse a call that RUN asks about; the run goes on without it.

    CALL is the call's id, or the beginning of it; zg runs approvals shows it.
    """
    import anyio

    anyio.run(partial(_decide, run, call, False, reason, digest, None))


@click.command()
@click.argument("run")
@click.argument("call")
@click.argument("value")
@_by_option
@json_option
def answer(run: str, call: str, value: str) -> None:
    """Answer a question that RUN asks.

    CALL is the question's id, or the beginning of it; zg runs approvals shows it.
    VALUE is the answer, or @FILE where a file has it: text, or, where the question
    has a schema, JSON that fits it.
    """
    import anyio

    anyio.run(partial(_answer, run, call, value))


APPROVALS = (approvals, approve, reject, answer)


async def _list(name: str | None) -> None:
    from ._report import asked_lines, command_for, open_questions

    output = current_invocation().output
    async with opened() as client:
        job_id = None if name is None else await job_id_of(client, name)
        found = [question async for question in open_questions(client, job_id)]
    output.document([dict(question.raw) for question in found])
    if not found:
        output.say("nobody is asked anything")
    for question in found:
        output.say(f"run {question.job_id}")
        for line in asked_lines(question):
            output.say(f"  {line}")
        output.say(f"  {command_for(question)}")


async def _decide(
    name: str,
    call: str,
    allow: bool,
    reason: str,
    digest: str | None,
    edited: zg.JsonObject | None,
) -> None:
    async with opened() as client:
        job_id = await job_id_of(client, name)
        found = [a async for a in client.approvals() if a.job_id == job_id]
        approval = _the_one(found, call, "approval_id")
        if digest is not None and not approval.args_sha256.startswith(digest):
            raise zg.InputError(
                "what is asked is not what was looked at",
                f"look at it again: {called('runs approvals')} {job_id}",
            )
        if allow:
            await client.approve(approval, edited_args=edited, comment=reason)
        else:
            await client.reject(approval, comment=reason)
        await _say_done(client, job_id, "allowed" if allow else "refused")


async def _answer(name: str, call: str, text: str) -> None:
    async with opened() as client:
        job_id = await job_id_of(client, name)
        found = [q async for q in client.inputs(job_id) if q.state == "pending"]
        question = _the_one(found, call, "interrupt_id")
        value = value_of(text, question.response_schema)
        await client.answer(job_id, question.interrupt_id, value)
        await _say_done(client, job_id, "answered")


async def _say_done(client: AsyncClient, job_id: str, word: str) -> None:
    from ._words import status_of

    output = current_invocation().output
    job = await client.job(job_id)
    waiting = job.pending.approvals + job.pending.inputs
    document = {"run_id": job_id, "decided": word, "done": True}
    output.document({**document, "status": status_of(job), "waiting": waiting})
    output.say(f"{word}; watch it go on with: {called('runs watch')} {job_id}")


def _the_one(found: list[Any], call: str, field: str) -> Any:
    """Return what a name means among what is asked.

    Raises:
        InputError: If that is nothing, or several.
    """
    named = {getattr(one, field): one for one in found}
    meant = [
        one
        for name, one in named.items()
        if call and (name.startswith(call) or name.partition("_")[2].startswith(call))
    ]
    if len(meant) != 1:
        raise zg.InputError(
            f"the run asks nothing of the name {call!r}"
            if not meant
            else f"the names of {len(meant)} questions begin with {call!r}",
            f"`{called('runs approvals')} RUN` lists what it asks",
        )
    return meant[0]
