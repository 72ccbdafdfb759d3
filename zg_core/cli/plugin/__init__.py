"""``zg plugin``: make a plugin, install one, switch one off."""

from __future__ import annotations

import click

from .._groups import Group
from .check import check
from .install import install, uninstall
from .manifest import manifest
from .new import new
from .switch import disable, enable
from .update import update

__all__ = ["plugin"]


@click.group(cls=Group, epilog="Example: zg plugin new weather --kind tool")
def plugin() -> None:
    """Make a plugin, install one, switch one off; `zg plugins` lists them."""


for command in (
    check,
    disable,
    enable,
    install,
    manifest,
    new,
    uninstall,
    update,
):
    plugin.add_command(command)
