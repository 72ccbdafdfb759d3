"""The options that say how a run is to be done."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import partial, wraps
from typing import Any

import click

from zg_core.workflows import RunOptions

from ._completion import complete

__all__ = ["Wanted", "stream_option", "wanted_options"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How a run is to be done, as the command line says."""

    workflow: str | None
    agent: str | None
    agents: str | None
    model: str | None
    fallback: tuple[str, ...]
    max_usd: float | None
    max_tokens: int | None
    max_calls: int | None
    timeout: float | None
    out: str | None
    stream: bool | None
    download: bool
    metrics_port: int | None
    runtime: str | None

    def check(self) -> None:
        """Refuse options that do not go together.

        Raises:
            click.UsageError: If there are such.
        """
        if self.runtime and self.metrics_port is not None:
            raise click.UsageError("--metrics-port goes without --runtime")
        if self.runtime and self.fallback and not self.model:
            raise click.UsageError("with --runtime, --fallback needs --model")

    def overrides(self) -> Mapping[str, object]:
        """Return what goes before the configuration, by dotted key."""
        return {
            "workflow": "solo" if self.agent else self.workflow,
            "limits.usd": self.max_usd,
            "limits.tokens": self.max_tokens,
            "limits.calls": self.max_calls,
            "limits.seconds": self.timeout,
        }

    def run_options(self, *, follows: str | None = None) -> RunOptions:
        """Return what the run itself keeps."""
        named = self.agent or self.agents or ""
        return RunOptions(
            model=", ".join((self.model, *self.fallback)) if self.model else None,
            agents=tuple(filter(None, map(str.strip, named.split(",")))),
            out=self.out,
            follows=follows,
        )


def _not_empty(_: click.Context, __: click.Parameter, given: Any) -> Any:
    """Refuse what a variable that is not set leaves behind: ``--out "$DIR"``."""
    for value in given if isinstance(given, tuple) else (given,):
        if value is not None and not value.strip(", "):
            raise click.BadParameter("it is empty")
    return given


def _finite(_: click.Context, __: click.Parameter, value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is no amount")
    return value


_text_option = partial(click.option, callback=_not_empty)

stream_option = click.option(
    "--stream/--no-stream",
    default=None,
    help="Show answers while they come; else on a terminal only.",
)

_OPTIONS = (
    _text_option(
        "--workflow",
        metavar="NAME",
        shell_complete=complete("workflow"),
        help="The workflow; else the usual.",
    ),
    _text_option(
        "--agent",
        metavar="NAME",
        shell_complete=complete("agent"),
        help="One agent alone (workflow solo).",
    ),
    _text_option(
        "--agents", metavar="A,B", help="The only agents that may be chosen from."
    ),
    _text_option("--model", metavar="PROVIDER:MODEL", help="The model; else as found."),
    _text_option(
        "--fallback",
        metavar="PROVIDER:MODEL",
        multiple=True,
        help="A model to try when those before do not answer.",
    ),
    click.option(
        "--max-usd",
        type=click.FloatRange(min=0, min_open=True),
        callback=_finite,
        metavar="USD",
        help="The most it may cost.",
    ),
    click.option(
        "--max-tokens",
        type=click.IntRange(min=1),
        metavar="N",
        help="The most tokens, in and out.",
    ),
    click.option(
        "--max-calls",
        type=click.IntRange(min=1),
        metavar="N",
        help="The most model calls.",
    ),
    click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        callback=_finite,
        metavar="SECONDS",
        help="The longest it may take.",
    ),
    _text_option(
        "--out",
        metavar="DIR",
        help="The folder for the files; else one of its own below ./zg-runs.",
    ),
    stream_option,
    click.option(
        "--no-download",
        "download",
        flag_value=False,
        default=True,
        help="Do not fetch a local model that is not there yet.",
    ),
    click.option(
        "--metrics-port",
        type=click.IntRange(0, 65535),
        metavar="PORT",
        help="Serve metrics for Prometheus while it is done; 0 is any free port.",
    ),
    _text_option(
        "--runtime",
        metavar="NAME",
        shell_complete=complete("runtime"),
        help="Have it done elsewhere (detached: by a process of its own).",
    ),
)


def wanted_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command, which gets them as the argument ``wanted``."""

    @wraps(command)
    def call(**given: Any) -> Any:
        wanted = Wanted(**{f.name: given.pop(f.name) for f in fields(Wanted)})
        wanted.check()
        return command(wanted=wanted, **given)

    for option in reversed(_OPTIONS):
        option(call)
    return call
