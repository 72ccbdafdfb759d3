"""``zg runs``: list, show, explain, take up again, end and forget runs."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import partial
from typing import get_args

import click

from zg_core.events import RunStatus

from ._bounds import Bounds, limit_options
from ._groups import Group
from ._invocation import current_invocation, json_option
from ._wanted import Wanted, moved_option, stream_option, wanted_options
from .approvals import APPROVALS
from .steering import STEERING

__all__ = ["runs"]

_EXAMPLE = """\b
Examples:
  zg runs show last
  zg runs follow-up last "make it blue"
"""
_AGE = re.compile(r"(\d{1,6})([hdw])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


@click.group(
    cls=Group,
    commands=[*STEERING, *APPROVALS],
    invoke_without_command=True,
    epilog=_EXAMPLE,
)
@click.option(
    "--status", type=click.Choice(get_args(RunStatus)), help="Only runs of this status."
)
@click.option(
    "--limit", type=click.IntRange(min=1), default=20, help="The most runs to list."
)
@json_option
@click.pass_context
def runs(ctx: click.Context, status: RunStatus | None, limit: int) -> None:
    """List runs, the latest first.

    A command's RUN is the id of a run, the beginning of an id, or last.
    """
    if ctx.invoked_subcommand is None:
        import anyio

        from ._runs import list_runs

        anyio.run(partial(list_runs, current_invocation(), status=status, limit=limit))


@runs.command("list", epilog="Example: zg runs list --json")
@click.option(
    "--status", type=click.Choice(get_args(RunStatus)), help="Only runs of this status."
)
@click.option(
    "--limit", type=click.IntRange(min=1), default=20, help="The most runs to list."
)
@json_option
def list_(status: RunStatus | None, limit: int) -> None:
    """List runs, the latest first."""
    import anyio

    from ._runs import list_runs

    anyio.run(partial(list_runs, current_invocation(), status=status, limit=limit))


@runs.command("show", epilog="Example: zg runs show last --events")
@click.argument("run")
@click.option("--events", is_flag=True, help="Show all that happened, in order.")
@json_option
def show(run: str, events: bool) -> None:
    """Show a run: its steps, models, tokens, cost, time, files and error."""
    import anyio

    from ._runs import show_run

    anyio.run(partial(show_run, current_invocation(), run, events=events))


@runs.command("explain", epilog="Example: zg runs explain last")
@click.argument("run")
@json_option
def explain(run: str) -> None:
    """Show which plugin, at which version, decided and did what, and why.

    All of it is from the journal, so the plugins may be gone by now.
    """
    import anyio

    from ._runs import explain_run

    anyio.run(partial(explain_run, current_invocation(), run))


@runs.command("resume", epilog="Example: zg runs resume last --max-usd 2")
@click.argument("run")
@limit_options
@moved_option
@stream_option
@json_option
def resume(run: str, stream: bool | None, bounds: Bounds, out: str | None) -> int:
    """Take a run up where it was cut off; nothing recorded is done again.

    Limits that are given replace the run's. What the run spent before counts, but not
    the time that it took.
    """
    import anyio

    from ._runs import resume_run

    return anyio.run(
        partial(
            resume_run,
            current_invocation(),
            run,
            stream=stream,
            bounds=bounds,
            out=out,
        )
    )


@runs.command("cancel", epilog="Example: zg runs cancel last")
@click.argument("run")
@click.option("--reason", default="", help="Why, for the record.")
@json_option
def cancel(run: str, reason: str) -> None:
    """Stop a run, whichever process does it; it can be resumed."""
    import anyio

    from ._runs import cancel_run

    anyio.run(partial(cancel_run, current_invocation(), run, reason=reason))


@runs.command("follow-up", epilog='Example: zg runs follow-up last "make it blue"')
@click.argument("run")
@click.argument("objective")
@wanted_options
@json_option
def follow_up(run: str, objective: str, wanted: Wanted) -> int:
    """Start a run that goes on from the results of a finished one."""
    import anyio

    from ._starting import read_objective, start

    text = read_objective(objective)
    return anyio.run(
        partial(start, current_invocation(), text, wanted, files={}, follows=run)
    )


@runs.command("export", epilog="Example: zg runs export last -o tests/booking.zgrun")
@click.argument("run")
@click.option(
    "-o",
    "--output",
    "to",
    metavar="FILE",
    help="Where to; else RUN.zgrun; - is standard output.",
)
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@json_option
def export(run: str, to: str | None, force: bool) -> None:
    """Write a run into a file, to replay it: zg run --replay FILE.

    The file has all that happened in the run, what models were asked, and the run's
    files, but no secrets that this process knows. To find out what models were asked,
    the agents do the run once more with the recorded answers; nothing is sent.
    """
    import anyio

    from ._recordings import export_run

    if to == "-" and current_invocation().output.as_json:
        raise click.UsageError("--json goes without -o -")
    anyio.run(partial(export_run, current_invocation(), run, to=to, force=force))


@runs.command("rm", epilog="Example: zg runs rm --older-than 30d")
@click.argument("run", nargs=-1)
@click.option(
    "--older-than", metavar="AGE", help="Runs unchanged for so long: 12h, 30d, 8w."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def rm(run: tuple[str, ...], older_than: str | None, yes: bool) -> None:
    """Forget runs. Their files stay.

    Runs that wait for people are forgotten only with --yes, or if you agree on a
    terminal.
    """
    import anyio

    from ._runs import remove_runs

    if bool(run) == bool(older_than):
        raise click.UsageError("name the runs, or give --older-than")
    age = _age(older_than) if older_than else None
    anyio.run(
        partial(remove_runs, current_invocation(), run, older_than=age, ask=not yes)
    )


def _age(text: str) -> timedelta:
    match = _AGE.fullmatch(text)
    if match is None:
        raise click.UsageError(f"{text!r} is no age; write 12h, 30d or 8w")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})
