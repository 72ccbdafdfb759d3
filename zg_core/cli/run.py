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
@click.argument("objective")
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="FILE",
    help="A file the agents may read; - is standard input.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be done.")
@json_option
@wanted_options
def run(objective: str, inputs: tuple[str, ...], dry_run: bool, wanted: Wanted) -> int:
    """Work on OBJECTIVE: say in plain words what is to be made.

    With - for OBJECTIVE it is read from standard input.
    """
    if [objective, *inputs].count("-") > 1:
        raise click.UsageError("standard input can be read once only")
    if wanted.agent and (wanted.agents or wanted.workflow):
        raise click.UsageError("--agent goes without --agents and --workflow")
    import anyio

    from ._plan import show_plan
    from ._starting import read_files, read_objective, start

    text, files = read_objective(objective), read_files(inputs)
    if dry_run:
        return anyio.run(partial(show_plan, current_invocation(), text, wanted))
    return anyio.run(partial(start, current_invocation(), text, wanted, files=files))
