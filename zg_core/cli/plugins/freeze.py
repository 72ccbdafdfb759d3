"""``zg plugins freeze``: write down how to install the plugins again."""

from __future__ import annotations

import click

from .._groups import Command
from .._invocation import current_invocation, json_option

__all__ = ["freeze"]

_EXAMPLE = """\b
Example:
  zg plugins freeze > plugins.txt
  pip install -r plugins.txt
"""


@click.command(cls=Command, epilog=_EXAMPLE)
@json_option
def freeze() -> None:
    """Print the installed plugins as requirements, which pip can install.

    Disabled plugins too. For when the environment is made anew, as some tools do to
    upgrade; what plugins depend on is left to pip.
    """
    from zg_core.plugins.finding.discover import installed
    from zg_core.plugins.trust.freeze import frozen

    output = current_invocation().output
    lines = frozen(installed().sources)
    output.document({"schema": 1, "requirements": list(lines)})
    for line in lines:
        output.say(line)
