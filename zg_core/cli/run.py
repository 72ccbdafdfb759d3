"""``zg run``: work on an objective."""

from __future__ import annotations

from functools import partial

import click

from ._groups import Command
from ._invocation import current_invocation, json_option
from ._wanted import Wanted, wanted_options

__all__ = ["run"]

_EXAMPLE = """\b
Example:
  zg run "Build a booking site for a yoga studio" --max-usd 0.50
"""


@click.command(cls=Command, epilog=_EXAMPLE)
@click.argument("objective", required=False)
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="FILE",
    help="A file the agents may read; - is standard input.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be done.")
@click.option(
    "--replay",
    metavar="FILE",
    help="Answer from a run that `zg runs export` wrote; nothing is sent.",
)
@click.option(
    "--live",
    is_flag=True,
    help="With --replay: make calls for real that the file does not have.",
)
@json_option
@wanted_options
def run(
    objective: str | None,
    inputs: tuple[str, ...],
    dry_run: bool,
    replay: str | None,
    live: bool,
    wanted: Wanted,
) -> int:
    """Work on OBJECTIVE: say in plain words what is to be made.

    With - for OBJECTIVE, the objective is read from standard input. With --replay,
    OBJECTIVE and any option may be left out: those of the recorded run hold then.
    """
    if objective is None and replay is None:
        raise click.UsageError("Missing argument 'OBJECTIVE'.")
    if live and replay is None:
        raise click.UsageError("--live goes with --replay")
    if replay is not None and (dry_run or wanted.runtime):
        raise click.UsageError("--replay goes without --dry-run and --runtime")
    if [objective, *inputs].count("-") > 1:
        raise click.UsageError("standard input can be read once only")
    if wanted.agent and (wanted.agents or wanted.workflow):
        raise click.UsageError("--agent goes without --agents and --workflow")
    import anyio

    from zg_core.recordings import load_recording

    from ._plan import show_plan
    from ._starting import read_files, read_objective, start

    recording = load_recording(replay, live=live) if replay is not None else None
    told = recording.objective if recording and objective is None else objective or ""
    text, files = read_objective(told), read_files(inputs)
    if dry_run:
        return anyio.run(partial(show_plan, current_invocation(), text, wanted))
    return anyio.run(
        partial(
            start, current_invocation(), text, wanted, files=files, replay=recording
        )
    )
