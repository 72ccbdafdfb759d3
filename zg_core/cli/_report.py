"""Say what a run gave, what it cost, where its files are, and how to go on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from zg_core._json import Json, JsonObject
from zg_core._step_paths import above, depth, round_of
from zg_core.errors import ConfigError, ZeroGravityError
from zg_core.results import ModelResult, RunResult, StepResult
from zg_core.usage import Limits

from ._interrupts import INTERRUPTED
from ._output import Output
from ._said import command_for, in_short
from ._words import (
    allowed,
    calls,
    cost,
    names,
    on_one_line,
    place,
    seconds,
    size,
    tokens,
)

__all__ = [
    "CUT_OFF",
    "exit_code",
    "note_paused",
    "print_result",
    "print_spending",
    "print_steps",
    "spending",
]

CUT_OFF = "cut off"
"""What people are told of a run that is to go on and that nobody does."""
_RAISED = ("usd", "tokens", "calls", "seconds")
_COST = ("cost_usd", "unpriced_calls", "lost_calls")
_CODES = {"completed": 0, "degraded": 4, "paused": 5, "cancelled": INTERRUPTED}


def exit_code(result: RunResult, error: ZeroGravityError | None) -> int:
    """Return what a command that did the run exits with."""
    if result.status == "failed" and isinstance(error, ConfigError):
        return error.exit_code
    return _CODES.get(result.status, 1)


def print_steps(output: Output, result: RunResult) -> None:
    """Print a table of the steps that take part."""
    output.table(
        ["STEP", "AGENT", "STATUS", "MODEL", "TOKENS", "COST", "TIME"],
        [
            (
                place(round_of(step.step, step.round)),
                names([step.agent]),
                f"{_status(step, ended=bool(result.ended_at))}{_items(step)}",
                step.models,
                f"{step.usage.total_tokens:,}",
                cost(step.cost_usd, step.unpriced_calls, step.usage.calls)
                if step.spent
                else None,
                seconds(step.duration_seconds),
            )
            for step in result.history
            if step.status != "skipped" or step.error or step.left_out
        ],
    )


def _status(step: StepResult, *, ended: bool) -> str:
    """Tell a step whose condition did not hold from one that may be missing."""
    match step.status:
        case "skipped":
            return "left out" if step.left_out else "skipped, it failed"
        case "running" if ended:
            return "stopped"
    return step.status


def _items(step: StepResult) -> str:
    """Say how many items of a step are done, where there are any in its round."""
    if not step.items:
        return ""
    path = round_of(step.step, step.round)
    items = [p for p in step.parts if above(p.path) == path and not depth(p.path)]
    done = sum(part.status == "finished" for part in items)
    return f", {done:,} of {step.items:,} item{'s' * (step.items != 1)}"


def print_spending(output: Output, result: RunResult) -> None:
    """Print what each model did, for each step and in all, and how it was priced."""
    steps = (*([result.routing] if result.routing else ()), *result.history)
    rows = [(step.step, did) for step in steps for did in step.spent]
    if len({step for step, _ in rows}) > 1:
        rows += [("all", did) for did in result.models]
    if rows:
        head = "STEP MODEL CALLS FAILED IN CACHED OUT REASONING COST TIME"
        output.table(head.split(), [_spent(step, did) for step, did in rows])
    for did in result.models:
        if did.unpriced_calls:
            output.say(f"price unknown for {calls(did.unpriced_calls)} of {did.model}")
    if any(did.cost_usd for did in result.models):
        own = [did.model for did in result.models if did.model in result.stated_prices]
        stated = f"; stated by you: {', '.join(own)}" if own else ""
        output.say(f"prices: {result.prices or 'of an unknown table'}{stated}")
    for whose, limits in _limits(result):
        output.say(f"limits{whose}: {allowed(limits)}")


def spending(result: RunResult) -> JsonObject:
    """Return what models were asked and what it cost, as JSON."""
    document = result.document()
    return {key: document[key] for key in ("models", "usage", *_COST, "limits")}


def _spent(step: str, did: ModelResult) -> Sequence[object]:
    usage = did.usage
    return (
        step,
        did.model,
        f"{usage.calls:,}",
        f"{did.failed_attempts:,}",
        f"{usage.input_tokens:,}",
        f"{usage.cached_input_tokens:,}",
        f"{usage.output_tokens:,}",
        f"{usage.reasoning_tokens:,}",
        cost(did.cost_usd, did.unpriced_calls, usage.calls),
        seconds(did.duration_seconds),
    )


def _limits(result: RunResult) -> Iterator[tuple[str, Limits]]:
    if result.limits != Limits():
        yield "", result.limits
    for step in result.history:
        if step.limits != Limits():
            yield f" of step {step.step}", step.limits


def print_result(output: Output, result: RunResult, *, status: str = "") -> None:
    """Print how a run ended, or how far it is, for people.

    Args:
        output: Where to.
        result: The run.
        status: Its status as people are told it; else that of the result.
    """
    took = result.duration_seconds
    count = result.usage.calls
    ended = f" in {seconds(took)}" if took is not None else ""
    output.say(
        f"{status or result.status}{ended}: "
        f"{calls(count, 'model')}, "
        f"{tokens(result.usage.total_tokens)}, "
        f"cost {cost(result.cost_usd, result.unpriced_calls, count)}"
    )
    if earlier := result.replays or result.forked_from:
        verb, count = "replayed" if result.replays else "copied", result.replayed_calls
        what = calls(count, "model") if count else "no model call"
        free = ", at no cost" if count else ""
        output.say(f"{verb} {what} of {earlier}{free}")
    if result.lost_calls and status != "running":  # else they may be under way
        lost = calls(result.lost_calls, "model")
        why = "whose answers were lost or do not say what they used"
        output.say(f"not counted there: {lost}, {why}")
    for step in result.history:
        if step.error is not None and step.status != "failed":
            cause = on_one_line(step.error.cause)
            output.say(f"missing: step {step.step}, since {cause}")
    if result.forgot:
        output.say(f"missing: what was said before, for step {place(result.forgot)}")
    _print_files(output, result)
    output.say("go on with:")
    output.say(f"  zg runs show {result.run_id}")
    if result.status in ("completed", "degraded"):
        output.say(f'  zg runs follow-up {result.run_id} "…"')
    elif status == "running":
        output.say(f"  zg runs watch {result.run_id}")
    else:
        output.say(f"  zg runs resume {result.run_id}{_how(result)}")


def note_paused(output: Output, result: RunResult) -> None:
    """Say, beside the result, what a paused run waits for and how it goes on."""
    output.note(f"run {result.run_id} is paused: {on_one_line(result.paused_for)}")
    for question in result.questions:
        output.note(f"  {in_short(question)}")
        output.note(f"    {command_for(question)}")
    output.note(f"go on with: zg runs resume {result.run_id}")


def _how(result: RunResult) -> str:
    """Say what is to be known of a resumption, as a comment of the command."""
    if result.replays:
        return "  # which asks models for real"
    error = result.error
    if error is not None and error.details.get("limit") in _RAISED:
        return "" if error.details.get("fixed") else "  # with a higher limit"
    return ""


def _print_files(output: Output, result: RunResult) -> None:
    if not result.artifacts:
        if result.output is not None:
            output.say(_text(result.output))
        return
    output.say(f"files in {result.out}")
    width = max(len(artifact.path) for artifact in result.artifacts)
    for artifact in result.artifacts:
        output.say(f"  {artifact.path:<{width}}  {size(artifact.size)}")


def _text(output: Json) -> str:
    if isinstance(output, str):
        return output
    return json.dumps(output, indent=2, ensure_ascii=False)
