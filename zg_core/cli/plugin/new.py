"""``zg plugin new``: begin the project of a plugin."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import cast

import click

from zg_core.registry import Kind
from zg_core.scaffold import KINDS, create, names_of

from .._groups import Command
from .._invocation import current_invocation, json_option

__all__ = ["new"]

_EXAMPLE = """\b
Example:
  zg plugin new weather --kind tool
"""


@click.command(cls=Command, epilog=_EXAMPLE, short_help="Begin a plugin's project.")
@click.argument("name")
@click.option(
    "--kind",
    type=click.Choice(KINDS),
    default="agent",
    show_default=True,
    help="What it offers.",
)
@click.option(
    "--dir",
    "parent",
    type=click.Path(path_type=Path),
    default=Path(),
    help="The folder that gets the project's folder; else this one.",
)
@click.option(
    "--force", is_flag=True, help="Add what is missing to a folder that is there."
)
@json_option
def new(name: str, kind: str, parent: Path, force: bool) -> None:
    """Begin the project of a plugin: code, tests, packaging and their automation.

    NAME weather makes the folder and distribution zg-weather, with an agent, or what
    --kind says, called weather. It works as it is, and passes its own tests.
    """
    invocation = current_invocation()
    builtin = invocation.builtin_host().builtin(cast(Kind, kind))
    names = names_of(name, {offered.name for offered in builtin})
    created = create(names, kind, parent, force=force)
    commands = [
        f"cd {shlex.quote(os.fspath(created.folder))}",
        "python -m pip install -e '.[test]'",
        "python -m pytest",
    ]
    output = invocation.output
    output.document(
        {
            "schema": 1,
            "name": names.distribution,
            "kind": kind,
            "path": str(created.folder.absolute()),
            "files": list(created.written),
            "kept": list(created.kept),
            "next": commands,
        }
    )
    output.say(f"{created.folder} has {len(created.written)} new files")
    for path in created.kept:
        output.note(f"{path} was there and is as it was")
    output.say("\nNext:")
    for command in commands:
        output.say(f"  {command}")
