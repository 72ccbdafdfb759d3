"""The options that say how a run is to be done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import partial, wraps
from typing import Any, get_args

import click

from zg_core.workflows import Approve, RunOptions

from ._bounds import LIMITS, Bounds
from ._completion import complete, complete_workflow

__all__ = [
    "Wanted",
    "download_option",
    "moved_option",
    "stream_option",
    "text_option",
    "wanted_options",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How a run is to be done, as the command line says."""

    workflow: str | None
    agent: str | None
    agents: str | None
    model: str | None
    fallback: tuple[str, ...]
    bounds: Bounds
    out: str | None
    stream: bool | None
    download: bool
    metrics_port: int | None
    runtime: str | None
    approve: Approve | None

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
            **self.bounds.overrides(),
        }

    def run_options(self, *, follows: str | None = None) -> RunOptions:
        """Return what the run itself keeps."""
        named = self.agent or self.agents or ""
        return RunOptions(
            model=", ".join((self.model, *self.fallback)) if self.model else None,
            agents=tuple(filter(None, map(str.strip, named.split(",")))),
            out=self.out,
            follows=follows,
            approve=self.approve,
        )


def _not_empty(_: click.Context, __: click.Parameter, given: Any) -> Any:
    """Refuse what a variable that is not set leaves behind: ``--out "$DIR"``."""
    for value in given if isinstance(given, tuple) else (given,):
        if value is not None and not value.strip(", "):
            raise click.BadParameter("it is empty")
    return given


text_option = partial(click.option, callback=_not_empty)
"""An option whose text may not be empty."""

stream_option = click.option(
    "--stream/--no-stream",
    default=None,
    help="Show answers while they come; else on a terminal only.",
)

download_option = click.option(
    "--no-download",
    "download",
    flag_value=False,
    default=True,
    help="Do not fetch a local model that is not there yet.",
)

moved_option = text_option(
    "--out", metavar="DIR", help="The folder of its files, if they were moved there."
)

_OPTIONS = (
    text_option(
        "--workflow",
        metavar="NAME_OR_FILE",
        shell_complete=complete_workflow,
        help="The workflow, or a file with one; else the configured one.",
    ),
    text_option(
        "--agent",
        metavar="NAME",
        shell_complete=complete("agent"),
        help="One agent alone (workflow solo).",
    ),
    text_option(
        "--agents", metavar="A,B", help="The only agents that may be chosen from."
    ),
    text_option("--model", metavar="PROVIDER:MODEL", help="The model; else as found."),
    text_option(
        "--fallback",
        metavar="PROVIDER:MODEL",
        multiple=True,
        help="A model to try when those before do not answer.",
    ),
    *LIMITS,
    text_option(
        "--out",
        metavar="DIR",
        help="The folder for the files; else one of its own below ./zg-runs.",
    ),
    stream_option,
    download_option,
    click.option(
        "--metrics-port",
        type=click.IntRange(0, 65535),
        metavar="PORT",
        help="Serve metrics for Prometheus while the run is done; 0 is any free port.",
    ),
    text_option(
        "--runtime",
        metavar="NAME",
        shell_complete=complete("runtime"),
        help="What does the run instead of this process; detached is one of its own.",
    ),
    click.option(
        "--approve",
        type=click.Choice(get_args(Approve)),
        help="Which tool calls to ask you about; with never, the risky ones are "
        "refused. Else what is configured, or risky.",
    ),
)


def wanted_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command, which gets them as the argument ``wanted``."""

    @wraps(command)
    def call(**given: Any) -> Any:
        given["bounds"] = Bounds.taken_from(given)
        wanted = Wanted(**{f.name: given.pop(f.name) for f in fields(Wanted)})
        wanted.check()
        return command(wanted=wanted, **given)

    for option in reversed(_OPTIONS):
        option(call)
    return call
