"""What the commands of ``zg runs`` do."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import timedelta

import click

from zg_core._codec import event_document
from zg_core._machine import fold
from zg_core._names import valid_run_id
from zg_core.engine import Engine
from zg_core.errors import InputError, RunNotFoundError
from zg_core.events import Event, RunAccepted, RunRewound, RunStatus
from zg_core.journals import RunSummary
from zg_core.provenance import Explanation, explain
from zg_core.results import result_of
from zg_core.running.run import DONE

from ._bounds import Bounds
from ._doing import do
from ._invocation import Invocation
from ._output import Output
from ._report import CUT_OFF, print_result, print_spending, print_steps
from ._retention import forget_older
from ._said import command_for, in_short, name_of_user
from ._words import in_words, local_time, model_line, on_one_line, place

__all__ = [
    "cancel_run",
    "explain_run",
    "list_runs",
    "remove_runs",
    "resume_run",
    "show_run",
    "status_of",
    "whole_id",
]


async def list_runs(
    invocation: Invocation, *, status: RunStatus | None, limit: int
) -> None:
    """Print runs, the latest first."""
    output = invocation.output
    async with invocation.engine(invocation.config()) as engine:
        found = await engine.journal.list(limit=limit, status=status)
    output.document([asdict(run) for run in found])
    if not found:
        output.say('there are no runs; begin one: zg run "…"')
        return
    output.table(
        ["RUN", "STATUS", "BEGUN", "WORKFLOW", "OBJECTIVE"],
        [
            (
                run.run_id,
                _status(run),
                local_time(run.created_at),
                run.workflow,
                run.objective[:100],
            )
            for run in found
        ],
    )


def _status(run: RunSummary) -> str:
    return CUT_OFF if run.status == "running" and not run.owned else run.status


async def status_of(engine: Engine, run_id: str) -> str:
    """Return a run's status as people are told it: that it is cut off as well."""
    running = await engine.journal.list(limit=sys.maxsize, status="running")
    for run in running:
        if run.run_id == run_id:
            return _status(run)
    return (await engine.result(run_id)).status


async def show_run(invocation: Invocation, name: str, *, events: bool) -> None:
    """Print what a run did, or all that happened in it."""
    output = invocation.output
    async with invocation.engine(invocation.config()) as engine:
        run_id = await whole_id(engine, name)
        status = await status_of(engine, run_id)
        happened = await engine.journal.read(run_id)
    if events:
        _print_events(output, happened)
        return
    result = result_of(fold(happened))
    output.document(result.document())
    output.say(f"{result.run_id}: {' '.join(result.objective.split()):.100}")
    for text in _past(happened):
        output.say(text)
    output.say(model_line(result.model, result.model_reason, result.drill))
    print_steps(output, result)
    print_spending(output, result)
    if result.paused_for:
        output.say(f"paused: {on_one_line(result.paused_for)}")
    for question in result.questions:
        output.say(f"waits: {in_short(question)}")
        output.say(f"  {command_for(question)}")
    if result.error is not None:
        output.say(f"error: {on_one_line(result.error.cause)}")
        output.say(f"  {on_one_line(result.error.remedy)}")
    print_result(output, result, status=status)


def _past(events: Sequence[Event]) -> Iterator[str]:
    """Say where a run comes from, and where it was set back to."""
    for event in events:
        if isinstance(event, RunAccepted) and event.forked_from:
            yield f"forked from {event.forked_from}"
        elif isinstance(event, RunRewound):
            yield f"{local_time(event.at)}: {in_words(event)}"


def _print_events(output: Output, events: Sequence[Event]) -> None:
    output.document([event_document(event) for event in events])
    for event in events:
        if text := in_words(event):
            output.say(f"{event.seq:>4}  {local_time(event.at)}  {text}")


async def explain_run(invocation: Invocation, name: str) -> None:
    """Print who decided and did what in a run."""
    output = invocation.output
    async with invocation.engine(invocation.config()) as engine:
        found = explain(await engine.journal.read(await whole_id(engine, name)))
    output.document({"schema": 1, **found.document()})
    for label, value in _environment(found):
        output.say(f"{label:<10}{value}")
    output.say()
    output.table(
        ["", "STEP", "WHO", "VERSION", "DID", "WHAT", "WHY"],
        [
            (
                deed.seq,
                place(deed.step),
                f"{deed.name}*" if deed.overridden else deed.name,
                deed.plugin.version if deed.plugin else None,
                deed.verb,
                place(deed.what) if deed.kind == "agent" else deed.what,
                deed.why[:200],
            )
            for deed in found.deeds
        ],
    )


def _environment(found: Explanation) -> Iterator[tuple[str, str]]:
    yield "run", found.run_id
    yield "status", found.status
    for step, cause in found.missing.items():
        yield "missing", f"{place(step)}: {on_one_line(cause)}"
    if found.forked_from:
        yield "forked", f"from {found.forked_from}"
    for step in found.rewinds:
        yield "set back", f"to before {step}"
    if not found.core:
        yield "", "nobody has begun it yet"
        return
    yield "core", f"zerogravity {found.core} (plugin API {found.api})"
    yield "python", found.python
    yield "policy", found.policy
    if found.drill:
        yield "drill", found.drill
    for plugin in found.plugins:
        digest = f", RECORD {plugin.record_sha256[:12]}" if plugin.record_sha256 else ""
        yield "plugin", f"{plugin.id} {plugin.version}{digest}"
    for replaced, name in found.overrides.items():
        yield "override", f"* {name} in the place of {replaced}"


async def resume_run(
    invocation: Invocation,
    name: str,
    *,
    stream: bool | None,
    bounds: Bounds,
    out: str | None,
) -> int:
    """Do what is left of a run, and return the exit code."""
    output = invocation.output
    async with invocation.engine(invocation.config()) as engine:
        run_id = await whole_id(engine, name)
        if (await engine.result(run_id)).status in DONE:
            output.say("it has ended, and nothing is left to do")
        deltas = output.terminal if stream is None else stream
        return await do(engine, run_id, output, deltas=deltas, bounds=bounds, out=out)


async def cancel_run(invocation: Invocation, name: str, *, reason: str) -> None:
    """Ask for a run to be stopped."""
    output = invocation.output
    async with invocation.engine(invocation.config()) as engine:
        run_id = await whole_id(engine, name)
        outcome = await engine.cancel(run_id, reason, by=name_of_user())
        status = (await engine.result(run_id)).status
    output.document({"run_id": run_id, "status": status, "done": outcome.done})
    said = "was asked to stop" if status == "running" else f"is {status}"
    output.say(f"run {run_id} {said}")


async def remove_runs(
    invocation: Invocation,
    names: Sequence[str],
    *,
    older_than: timedelta | None,
    ask: bool,
) -> None:
    """Forget runs, by name or by age.

    Raises:
        InputError: If one waits for people, and nobody says that it is meant.
    """
    output = invocation.output
    async with invocation.engine(invocation.config()) as engine:
        found = [await whole_id(engine, name) for name in names]
        if ask and output.terminal:
            what = ", ".join(found) or "all runs as old as that"
            if not click.confirm(f"Forget {what}?", err=True):
                output.say("nothing was forgotten")
                return
        elif ask:
            await _check_nobody_waits(engine, found)
        if older_than is not None:
            unmeant = ask and not output.terminal
            found = await forget_older(engine, older_than, paused=not unmeant)
        for run_id in found if names else ():
            await engine.journal.delete(run_id)
    output.document({"removed": found})
    output.say(f"forgot {len(found)} run{'s' * (len(found) != 1)}")


async def _check_nobody_waits(engine: Engine, run_ids: Sequence[str]) -> None:
    paused = await engine.journal.list(limit=sys.maxsize, status="paused")
    waiting = {run.run_id for run in paused}
    for run_id in run_ids:
        if run_id in waiting:
            raise InputError(
                f"run {run_id!r} is paused, and waits for people",
                f"forget it all the same: zg runs rm {run_id} --yes",
                run_id=run_id,
            )


async def whole_id(engine: Engine, name: str) -> str:
    """Return the id of the run that is meant: ``last``, or how its id begins.

    Raises:
        RunNotFoundError: If there is no such run.
        InputError: If there are several.
    """
    if name == "last":
        latest = await engine.journal.list(limit=1)
        if not latest:
            raise RunNotFoundError("there is no run yet", 'begin one: zg run "…"')
        return latest[0].run_id
    if valid_run_id(name):
        with suppress(RunNotFoundError):  # a whole id: there may be many runs to list
            await engine.journal.read(name, after=sys.maxsize)
            return name
    known = [run.run_id for run in await engine.journal.list(limit=sys.maxsize)]
    matching = [run_id for run_id in known if run_id.startswith((name, f"run_{name}"))]
    if not name or not matching:
        raise RunNotFoundError(f"there is no run {name!r}", "`zg runs` lists them")
    if len(matching) > 1:
        raise InputError(
            f"the ids of {len(matching)} runs begin with {name!r}",
            "write more of the id; `zg runs` lists them",
        )
    return matching[0]
