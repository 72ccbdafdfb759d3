"""Say what a run gave, what it cost, where its files are, and how to go on."""

from __future__ import annotations

import json
from collections.abc import Iterable

from zg_core._json import Json
from zg_core.errors import ConfigError, ZeroGravityError
from zg_core.events import Event, ModelAnswered, ModelCalled, ModelFailed
from zg_core.results import RunResult

from ._interrupts import INTERRUPTED
from ._output import Output
from ._words import cost, names, seconds, size, tokens

__all__ = ["exit_code", "print_result", "print_steps"]

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
                step.step,
                names([step.agent]),
                "stopped"
                if result.ended_at and step.status == "running"
                else step.status,
                step.models,
                f"{step.usage.total_tokens:,}",
                cost(step.cost_usd, step.unpriced_calls, step.usage.calls)
                if step.usage.calls
                else None,
                seconds(step.duration_seconds),
            )
            for step in result.history
            if step.status != "skipped" or step.error
        ],
    )


def print_result(output: Output, result: RunResult, events: Iterable[Event]) -> None:
    """Print how a run ended, for people."""
    took = result.duration_seconds
    calls = result.usage.calls
    output.say(
        f"{result.status}{f' in {seconds(took)}' if took is not None else ''}: "
        f"{calls:,} model call{'s' * (calls != 1)}, "
        f"{tokens(result.usage.total_tokens)}, "
        f"cost {cost(result.cost_usd, result.unpriced_calls, calls)}"
    )
    if lost := _unanswered(events):
        output.say(f"calls cut off, which may cost something too: {lost}")
    for step in result.history:
        if step.error is not None and step.status != "failed":
            output.say(f"missing: step {step.step}, since {step.error.cause}")
    _print_files(output, result)
    output.say("go on with:")
    output.say(f"  zg runs show {result.run_id}")
    if result.status in ("completed", "degraded"):
        output.say(f'  zg runs follow-up {result.run_id} "…"')
    else:
        output.say(f"  zg runs resume {result.run_id}")


def _unanswered(events: Iterable[Event]) -> int:
    """Count the calls whose answer never came, so that nobody knows their cost."""
    sent = set()
    for event in events:
        match event:
            case ModelCalled():
                sent.add((event.call_key, event.attempt))
            case ModelAnswered() | ModelFailed():
                sent.discard((event.call_key, event.attempt))
    return len(sent)


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
