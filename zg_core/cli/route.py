"""``zg route``: show which agents an objective gets, and why."""

from __future__ import annotations

from functools import partial

import click

from ._completion import complete
from ._groups import Command
from ._invocation import current_invocation, json_option

__all__ = ["route"]

_EXAMPLE = """\b
Example:
  zg route "Plan a strategy for the spring sale"
"""


@click.command(cls=Command, epilog=_EXAMPLE)
@click.argument("objective")
@click.option(
    "--classifier",
    metavar="NAME",
    shell_complete=complete("classifier"),
    help="The classifier; else the usual.",
)
@click.option(
    "--workflow",
    metavar="NAME",
    shell_complete=complete("workflow"),
    help="The workflow; else the usual.",
)
@json_option
def route(objective: str, classifier: str | None, workflow: str | None) -> None:
    """Show which agents OBJECTIVE gets, and why; nothing is run."""
    import anyio

    from ._plan import show_route
    from ._starting import read_objective

    text = read_objective(objective)
    show = partial(show_route, classifier=classifier, workflow=workflow)
    anyio.run(show, current_invocation(), text)
