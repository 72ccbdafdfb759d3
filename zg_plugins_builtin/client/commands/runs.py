"""``zg --server ADDRESS runs``: list, show, watch and end the runs of a server."""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from zg_core import json_option

from ._approving import APPROVALS
from ._opening import here_only

__all__ = ["runs"]

_STATUSES = {
    "completed": {"state": "succeeded"},
    "degraded": {"state": "degraded"},
    "failed": {"status": "failed"},
    "cancelled": {"state": "cancelled"},
    "running": {"status": "processing"},
    "waiting": {"status": "queued"},
}
_status_option = click.option(
    "--status", type=click.Choice(list(_STATUSES)), help="Only runs of this status."
)
_limit_option = click.option(
    "--limit", type=click.IntRange(min=1), default=20, help="The most runs to list."
)


@click.group(invoke_without_command=True)
@_status_option
@_limit_option
@json_option
@click.pass_context
def runs(ctx: click.Context, status: str | None, limit: int) -> None:
    """List the runs of a server, the latest first.

    A command's RUN is the id of a run, the beginning of an id, or last.
    """
    if ctx.invoked_subcommand is None:
        _list(status, limit)


@runs.command("list")
@_status_option
@_limit_option
@json_option
def list_(status: str | None, limit: int) -> None:
    """List runs, the latest first."""
    _list(status, limit)


def _list(status: str | None, limit: int) -> None:
    import anyio

    from ._looking import list_jobs

    chosen = _STATUSES[status] if status else {}
    anyio.run(partial(list_jobs, chosen, limit))


@runs.command()
@click.argument("run")
@click.option("--events", is_flag=True, help="Show all that happened, in order.")
@json_option
def show(run: str, events: bool) -> None:
    """Show a run: its models, tokens, cost, time, files and error."""
    import anyio

    from ._looking import show_job

    anyio.run(partial(show_job, run, events=events))


@runs.command()
@click.argument("run")
@click.option(
    "--after",
    type=click.IntRange(min=0),
    default=0,
    metavar="SEQ",
    help="Only what comes after the event of this number.",
)
@click.option("--follow", is_flag=True, help="Go on when the run waits for people.")
@click.option(
    "--json",
    is_flag=True,
    expose_value=False,
    help="Print each event as one line of JSON, and nothing else.",
)
def watch(run: str, after: int, follow: bool) -> int:
    """Show what happens in a run until it ends.

    The exit code is the run's, or 5 when the run waits for people. Ctrl-C ends the
    watching, not the run.
    """
    import anyio

    from ._looking import watch_job

    return anyio.run(partial(watch_job, run, after=after, through=follow))


@runs.command()
@click.argument("run")
@click.option("--reason", default="", help="Why, for the record.")
@json_option
def cancel(run: str, reason: str) -> None:
    """Stop a run."""
    import anyio

    from ._looking import cancel_job

    anyio.run(partial(cancel_job, run, reason))


@runs.command()
@click.argument("run")
@json_option
def retry(run: str) -> None:
    """Have what a run was for done once more, as a run of its own."""
    import anyio

    from ._looking import retry_job

    anyio.run(partial(retry_job, run))


@runs.command()
@click.argument("run")
@click.option("--out", metavar="DIR", help="The folder; else below ./zg-runs.")
@json_option
def files(run: str, out: str | None) -> None:
    """Fetch the files that a run gave."""
    import anyio

    from ._looking import fetch_files

    anyio.run(partial(fetch_files, run, out))


@runs.command()
@click.argument("run", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
@here_only("--older-than", why="name the runs")
@json_option
def rm(run: tuple[str, ...], yes: bool) -> None:
    """Have the server forget runs that have ended, and all that they gave."""
    import anyio

    from ._looking import remove_jobs

    anyio.run(partial(remove_jobs, run, ask=not yes))


def _refusing(name: str) -> click.Command:
    """Return a command that says why a server does not do it."""

    @click.command(name, hidden=True, add_help_option=False)
    @click.argument("_", nargs=-1, type=click.UNPROCESSED)
    def command(**_: Any) -> None:
        raise click.UsageError(
            f"`zg runs {name}` cannot be done on a server"
            f"{_INSTEAD.get(name, '')}; for this machine: zg --server none runs {name}"
        )

    command.context_settings = {"ignore_unknown_options": True}
    return command


_INSTEAD = {
    "resume": ": it resumes by itself; once more from the beginning is `retry`",
    "continue": ": it goes on by itself when people have said what it waits for",
}

for _name in (
    *("continue", "explain", "export", "follow-up", "fork", "pause", "resume"),
    *("retune", "rewind"),
):
    runs.add_command(_refusing(_name))
for _command in APPROVALS:
    runs.add_command(_command)
