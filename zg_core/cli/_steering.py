"""What the commands do that steer runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from zg_core.errors import InputError

from ._bounds import Bounds
from ._doing import do
from ._invocation import Invocation
from ._runs import resume_run, whole_id
from ._said import name_of_user
from ._starting import prepare
from ._words import allowed

__all__ = ["continue_run", "fork_run", "pause_run", "retune_run", "rewind_run"]

_LONGEST = 1_000_000  # bytes of a prompt


async def fork_run(
    invocation: Invocation,
    name: str,
    step: str,
    *,
    prompt: str | None,
    change: Mapping[str, Any],
    stream: bool | None,
    bounds: Bounds,
) -> int:
    """Fork a run, do the fork, and return the exit code."""
    output = invocation.output
    asked = _read_prompt(prompt) if prompt is not None else None
    async with invocation.engine(invocation.config()) as engine:
        run_id = await whole_id(engine, name)
        forked = await engine.fork(
            run_id,
            step,
            prompt=asked,
            limits=bounds.limits(),
            step_limits=bounds.step_limits(),
            **change,
        )
        if change["model"]:
            await prepare(engine, change["model"], output, download=True)
        output.say(f"forked from {run_id} at step {step}")
        deltas = output.terminal if stream is None else stream
        return await do(engine, forked, output, deltas=deltas)


def _read_prompt(text: str) -> str:
    """Return a prompt; with ``@`` before it is the name of a file that holds it.

    Raises:
        InputError: If that cannot be read, or is no text.
    """
    if not text.startswith("@"):
        return text
    try:
        with Path(text[1:]).open("rb") as file:
            content = file.read(_LONGEST + 1)
        if len(content) > _LONGEST:
            raise InputError(
                f"{text[1:]} is longer than {_LONGEST:,} bytes", "shorten the prompt"
            )
        return content.decode().removesuffix("\n")
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InputError(
            f"the prompt {text[1:]} cannot be read: {why}",
            "name a text file, as in --prompt @prompt.txt",
            file=text[1:],
        ) from error


async def rewind_run(invocation: Invocation, name: str, step: str) -> None:
    """Set a run back, and say how to go on with it."""
    output = invocation.output
    async with invocation.engine(invocation.config()) as engine:
        run_id = await whole_id(engine, name)
        steps = await engine.rewind(run_id, step)
    output.document(
        {"run_id": run_id, "status": "paused", "step": step, "steps": [*steps]}
    )
    output.say(
        f"run {run_id} is set back to before step {step}; "
        f"to be done again: {', '.join(steps)}"
    )
    output.say("go on with:")
    output.say(f"  zg runs resume {run_id}")


async def pause_run(invocation: Invocation, name: str, *, reason: str) -> None:
    """Ask for a run to be put aside."""
    output = invocation.output
    async with invocation.engine(invocation.config()) as engine:
        run_id = await whole_id(engine, name)
        outcome = await engine.pause(run_id, reason, by=name_of_user())
        status = (await engine.result(run_id)).status
    output.document({"run_id": run_id, "status": status, "done": outcome.done})
    if status == "running":
        output.say(f"run {run_id} was asked to pause")
    else:
        output.say(f"run {run_id} is {status}")
    if status in ("running", "paused"):
        output.say("go on with:")
        output.say(f"  zg runs resume {run_id}")


async def continue_run(
    invocation: Invocation,
    name: str,
    *,
    stream: bool | None,
    bounds: Bounds,
    out: str | None,
) -> int:
    """Go on with a run that is paused, and return the exit code.

    Raises:
        InputError: If it is not paused.
    """
    async with invocation.engine(invocation.config()) as engine:
        run_id = await whole_id(engine, name)
        status = (await engine.result(run_id)).status
    if status != "paused":
        raise InputError(
            f"run {run_id!r} is {status}, not paused",
            f"watch it (zg runs watch {run_id}), "
            f"or take it up where it was cut off: zg runs resume {run_id}"
            if status == "running"
            else f"look at it with zg runs show {run_id}, "
            f"or take it up again: zg runs resume {run_id}",
            run_id=run_id,
        )
    return await resume_run(invocation, run_id, stream=stream, bounds=bounds, out=out)


async def retune_run(invocation: Invocation, name: str, bounds: Bounds) -> None:
    """Change a run's limits, and say which hold then."""
    output = invocation.output
    async with invocation.engine(invocation.config()) as engine:
        run_id = await whole_id(engine, name)
        outcome = await engine.retune(
            run_id, bounds.limits(), bounds.step_limits(), by=name_of_user()
        )
        result = await engine.result(run_id)
    steps = {step.step: step.limits for step in result.history}
    output.document(
        {
            "run_id": run_id,
            "status": result.status,
            "hold": outcome.done,
            "limits": asdict(result.limits),
            "step_limits": {n: asdict(most) for n, most in steps.items()},
        }
    )
    if not outcome.done:
        output.say(f"run {run_id} was asked to change its limits")
        return
    output.say(f"limits of run {run_id}: {allowed(result.limits) or 'none'}")
    for step, limits in steps.items():
        if text := allowed(limits):
            output.say(f"limits of step {step}: {text}")
