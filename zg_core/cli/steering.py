"""``zg runs fork|rewind|watch|pause|continue|retune``: steer runs."""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from ._bounds import Bounds, limit_options
from ._completion import complete
from ._groups import Command
from ._invocation import current_invocation, json_option
from ._wanted import moved_option, stream_option, text_option

__all__ = ["STEERING"]

_FORK = """\b
Examples:
  zg runs fork last --from build --model anthropic:claude-sonnet-4-5
  zg runs fork last --from design --prompt @darker.txt --out darker
"""


@click.command("fork", cls=Command, epilog=_FORK)
@click.argument("run")
@text_option(
    "--from",
    "step",
    metavar="STEP",
    required=True,
    help="The first step to be done anew.",
)
@click.option("--prompt", metavar="TEXT|@FILE", help="What the step is asked instead.")
@text_option("--model", metavar="PROVIDER:MODEL", help="The model it asks instead.")
@text_option(
    "--agent",
    metavar="NAME",
    shell_complete=complete("agent"),
    help="The agent that does it instead.",
)
@text_option(
    "--out", metavar="DIR", help="The folder for the files; else one of its own."
)
@limit_options
@stream_option
@json_option
def fork(
    run: str,
    step: str,
    prompt: str | None,
    model: str | None,
    agent: str | None,
    out: str | None,
    stream: bool | None,
    bounds: Bounds,
) -> int:
    """Do a step of a run in another way, in a new run.

    Steps that do not depend on that step are copied, and cost nothing; the step and
    those that depend on it are done. Where no limit is given the run's hold, with
    nothing spent yet.
    """
    import anyio

    from ._steering import fork_run

    change: dict[str, Any] = {"model": model, "agent": agent, "out": out}
    return anyio.run(
        partial(
            fork_run,
            current_invocation(),
            run,
            step,
            prompt=prompt,
            change=change,
            stream=stream,
            bounds=bounds,
        )
    )


@click.command("rewind", cls=Command, epilog="Example: zg runs rewind last --to design")
@click.argument("run")
@text_option(
    "--to",
    "step",
    metavar="STEP",
    required=True,
    help="The first step to be done again.",
)
@json_option
def rewind(run: str, step: str) -> None:
    """Set a run back to before a step, and leave it paused there.

    What was spent stays counted, and files stay until they are written anew.
    """
    import anyio

    from ._steering import rewind_run

    anyio.run(partial(rewind_run, current_invocation(), run, step))


@click.command("watch", cls=Command, epilog="Example: zg runs watch last")
@click.argument("run")
@click.option(
    "--after",
    type=click.IntRange(min=0),
    default=0,
    metavar="SEQ",
    help="Only what comes after the event of this number.",
)
@click.option("--follow", is_flag=True, help="Go on when the run is paused.")
@click.option(
    "--json",
    is_flag=True,
    expose_value=False,
    help="Print each event as one line of JSON, and nothing else.",
)
def watch(run: str, after: int, follow: bool) -> int:
    """Show what happens in a run, whichever process does it, until it ends.

    The exit code is the run's, or 5 when the run is paused. Ctrl-C ends the watching,
    not the run.
    """
    import anyio

    from ._watching import watch_run

    return anyio.run(
        partial(watch_run, current_invocation(), run, after=after, follow=follow)
    )


@click.command("pause", cls=Command, epilog="Example: zg runs pause last")
@click.argument("run")
@click.option("--reason", default="", help="Why, for the record.")
@json_option
def pause(run: str, reason: str) -> None:
    """Put a run aside, whichever process does it; calls under way are finished."""
    import anyio

    from ._steering import pause_run

    anyio.run(partial(pause_run, current_invocation(), run, reason=reason))


@click.command("continue", cls=Command, epilog="Example: zg runs continue last")
@click.argument("run")
@limit_options
@moved_option
@stream_option
@json_option
def continue_(run: str, stream: bool | None, bounds: Bounds, out: str | None) -> int:
    """Go on with a run that is paused, in this process.

    Limits that are given replace the run's; what the run spent before counts.
    """
    import anyio

    from ._steering import continue_run

    return anyio.run(
        partial(
            continue_run,
            current_invocation(),
            run,
            stream=stream,
            bounds=bounds,
            out=out,
        )
    )


@click.command("retune", cls=Command, epilog="Example: zg runs retune last --max-usd 2")
@click.argument("run")
@limit_options
@json_option
def retune(run: str, bounds: Bounds) -> None:
    """Change the limits of a run while it goes on, whichever process does it.

    What the run spent before counts. The limits hold from the next call on, and for
    calls that wait for their turn.
    """
    import anyio

    from ._steering import retune_run

    if bounds == Bounds():
        raise click.UsageError("name a limit, such as --max-usd 2")
    anyio.run(partial(retune_run, current_invocation(), run, bounds))


STEERING = (fork, rewind, watch, pause, continue_, retune)
"""The commands, in the order of the help."""
