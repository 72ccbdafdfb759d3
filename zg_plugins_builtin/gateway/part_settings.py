"""What an operator decides about the parts of the service, each a table of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import zg_core as zg

from .http.rates import RATES, Rate
from .http.settings import CompletionSettings
from .jobs.settings import JobSettings
from .limits import SpendSettings
from .limits.accounts import PERIODS, SCOPES, Period, Scope
from .limits.policies import MOST, Policy
from .protocol import ConnectionLimits
from .setting_values import wrong

__all__ = [
    "read_completions",
    "read_connections",
    "read_jobs",
    "read_rates",
    "read_spending",
]

_JOBS = ("running", "total", "tenant_running", "tenant_queued", "queued")
_CONNECTIONS = {"at_once": "connections", "per_second": "new_connections"}
"""What is set of the connections of one address, and what the server calls it."""
_WAITS = ("answer_seconds", "question_seconds")


def read_rates(section: zg.Settings) -> tuple[Rate, ...]:
    """Return the rates, each of which may be set as requests a minute.

    Raises:
        ConfigError: If something in it is unknown, or cannot be so.
    """
    known = {rate.name: rate for rate in RATES}
    for name, value in section.items():
        if name not in known or type(value) is not int or value < 1:
            raise wrong(f"rates.{name}", f"requests a minute; of {', '.join(known)}")
        known[name] = replace(known[name], requests=value, seconds=60)
    return tuple(known.values())


def read_jobs(section: zg.Settings) -> JobSettings:
    """Return how many jobs are done at once, and how many may wait.

    Raises:
        ConfigError: If something in it is unknown, or cannot be so.
    """
    for name, value in section.items():
        if name not in _JOBS or type(value) is not int or value < 1:
            raise wrong(f"jobs.{name}", f"a number of jobs; of {', '.join(_JOBS)}")
    return JobSettings(**section)


def read_spending(section: zg.Settings) -> SpendSettings:
    """Return the budgets, each set like ``tenant_day_tokens``.

    Raises:
        ConfigError: If something in it is unknown, or cannot be so.
    """
    most: dict[tuple[Scope, Period], Policy] = {}
    for scope in SCOPES:
        for period in PERIODS:
            tokens = section.get(f"{scope}_{period}_tokens")
            micros = section.get(f"{scope}_{period}_cost_usd_micros")
            nanos = None if micros is None else _amount(micros) * 1000
            tokens = None if tokens is None else _amount(tokens)
            most[scope, period] = Policy(tokens, nanos)
    known = {
        f"{scope}_{period}_{unit}"
        for scope, period in most
        for unit in ("tokens", "cost_usd_micros")
    }
    if unknown := set(section) - known:
        raise wrong(f"budgets.{min(unknown)}", f"one of {', '.join(sorted(known))}")
    return SpendSettings(defaults=most)


def _amount(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= MOST:
        raise wrong("a budget", f"a whole number up to {MOST}")
    return value


def read_connections(section: zg.Settings) -> ConnectionLimits:
    """Return how many connections one address may have, and begin.

    Raises:
        ConfigError: If something in it is unknown, or cannot be so.
    """
    for name, value in section.items():
        if name not in _CONNECTIONS or type(value) is not int or value < 1:
            words = f"a number of connections; of {', '.join(_CONNECTIONS)}"
            raise wrong(f"connections.{name}", words)
    given = {_CONNECTIONS[name]: value for name, value in section.items()}
    return ConnectionLimits(**given)


def read_completions(section: zg.Settings) -> CompletionSettings:
    """Return for how long those of OpenAI's clients wait.

    Raises:
        ConfigError: If something in it is unknown, or cannot be so.
    """
    for name, value in section.items():
        if name not in _WAITS or type(value) is not int or value < 1:
            raise wrong(f"completions.{name}", f"seconds; of {', '.join(_WAITS)}")
    return CompletionSettings(**section)
