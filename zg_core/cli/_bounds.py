"""The options that bound what a run, or a step of one, may spend."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from typing import Any, Self, TypeAlias

import click

from zg_core._names import is_name
from zg_core.usage import Limits

__all__ = ["LIMITS", "Bound", "Bounds", "limit_options"]

Bound: TypeAlias = tuple[str, float]
"""A step's name, or nothing for the run, and the most it may spend."""


def _limit(
    name: str, number: click.FloatRange | click.IntRange, what: str, text: str
) -> Callable[..., Any]:
    """Make an option that takes ``AMOUNT`` or ``STEP=AMOUNT``, several times."""

    def read(
        ctx: click.Context, param: click.Parameter, given: tuple[str, ...]
    ) -> tuple[Bound, ...]:
        return tuple(_read(text, number, param, ctx) for text in given)

    return click.option(
        name, callback=read, multiple=True, metavar=f"[STEP=]{what}", help=text
    )


def _read(
    text: str,
    number: click.FloatRange | click.IntRange,
    param: click.Parameter,
    ctx: click.Context,
) -> Bound:
    step, separator, amount = text.rpartition("=")
    if separator and not is_name(step):
        raise click.BadParameter(f"{step!r} is no step's name", ctx, param)
    whole = isinstance(number, click.IntRange)
    try:
        given = int(amount) if whole else float(amount)
    except ValueError as error:
        what = "whole number" if whole else "number"
        raise click.BadParameter(f"{amount!r} is no {what}", ctx, param) from error
    found: float = number(given, param, ctx)
    if not math.isfinite(found):
        raise click.BadParameter(f"{found} is no amount", ctx, param)
    return step, found


_AMOUNT = click.FloatRange(min=0, min_open=True)
_COUNT = click.IntRange(min=1)

LIMITS = (
    _limit(
        "--max-usd",
        _AMOUNT,
        "USD",
        "The most the run may cost; with STEP=, the most that step may. "
        "This and the three below can be given several times.",
    ),
    _limit("--max-tokens", _COUNT, "N", "The most tokens, in and out."),
    _limit("--max-calls", _COUNT, "N", "The most model calls."),
    _limit("--timeout", _AMOUNT, "SECONDS", "The longest the run may take."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The limits that a command was given."""

    max_usd: tuple[Bound, ...] = ()
    max_tokens: tuple[Bound, ...] = ()
    max_calls: tuple[Bound, ...] = ()
    timeout: tuple[Bound, ...] = ()

    @classmethod
    def taken_from(cls, given: dict[str, Any]) -> Self:
        """Take them out of the arguments of a command."""
        return cls(**{f.name: given.pop(f.name) for f in fields(cls)})

    def by_step(self) -> dict[str, dict[str, Any]]:
        """Return them by step, those of the run by nothing; of two the later."""
        given = {
            "usd": self.max_usd,
            "tokens": self.max_tokens,
            "calls": self.max_calls,
            "seconds": self.timeout,
        }
        found: dict[str, dict[str, Any]] = {}
        for limit, bounds in given.items():
            for step, amount in bounds:
                found.setdefault(step, {})[limit] = amount
        return found

    def overrides(self) -> dict[str, object]:
        """Return them by dotted key of the configuration."""
        found = self.by_step()
        run = found.pop("", {})
        steps = {f"limits.steps.{step}": most for step, most in found.items()}
        return {**{f"limits.{name}": most for name, most in run.items()}, **steps}

    def limits(self) -> Limits:
        """Return those of the run."""
        return Limits(**self.by_step().get("", {}))

    def step_limits(self) -> dict[str, Limits]:
        """Return those of steps, by name."""
        return {step: Limits(**m) for step, m in self.by_step().items() if step}


def limit_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command, which gets them as the argument ``bounds``."""

    @wraps(command)
    def call(**given: Any) -> Any:
        return command(bounds=Bounds.taken_from(given), **given)

    for option in reversed(LIMITS):
        option(call)
    return call
