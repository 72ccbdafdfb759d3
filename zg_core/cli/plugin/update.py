"""``zg plugin update``: bring a project up to the template it was made of."""

from __future__ import annotations

from pathlib import Path

import click

from zg_core.scaffold import changes, make

from .._groups import Command
from .._invocation import current_invocation, json_option

__all__ = ["update"]

_EXAMPLE = """\b
Example:
  zg plugin update
  zg plugin update --write
"""
_TOLD = {
    "add": "add",
    "replace": "replace",
    "beside": "add, since you changed the original",
}


@click.command(
    cls=Command, epilog=_EXAMPLE, short_help="Bring a project up to the template."
)
@click.option("--write", is_flag=True, help="Do it, instead of only saying so.")
@json_option
def update(write: bool) -> None:
    """Bring the project in this folder up to the template of this ZeroGravity.

    A file that you did not change is replaced. One that you changed stays, and the
    template's goes beside it as NAME.zg-new, if it is new. One that you deleted stays
    deleted.
    """
    output = current_invocation().output
    wanted = changes(Path())
    if write:
        make(Path(), wanted)
    output.document(
        {
            "schema": 1,
            "written": write,
            "changes": [
                {"path": each.path, "action": each.action, "target": each.target}
                for each in wanted
            ],
        }
    )
    for each in wanted:
        output.say(f"{each.target}: {_TOLD[each.action]}")
    if not wanted:
        output.say("nothing to do: the project is as the template is")
    elif not write:
        output.say("\nNothing was written; `zg plugin update --write` does it.")
