"""``zg plugins reset``: let a plugin be imported again that is quarantined."""

from __future__ import annotations

import click

from zg_core.config import data_dir
from zg_core.errors import ConfigError

from .._groups import Command
from .._invocation import current_invocation, json_option
from .._plugin_host import lenient_host

__all__ = ["reset"]


@click.command(cls=Command, epilog="Example: zg plugins reset zg-weather")
@click.argument("name", metavar="ID")
@json_option
def reset(name: str) -> None:
    """Let a plugin be imported again.

    One whose import ended the process, or was interrupted, is quarantined: it is not
    imported any more, in that version and at that place. Try it first in a process
    of its own: zg plugins check ID.
    """
    from zg_core.plugins.trust.quarantine import forget_quarantine

    output = current_invocation().output
    done: dict[str, bool] = {}
    for plugin in lenient_host().named(name):
        try:
            done[plugin.id] = forget_quarantine(plugin.source)
        except OSError as error:
            raise ConfigError(
                f"the quarantine of {plugin.id} cannot be lifted: {error.strerror}",
                f"make {data_dir()} writable",
            ) from error
    output.document(
        {"schema": 1, "plugins": [{"id": i, "reset": was} for i, was in done.items()]}
    )
    for plugin_id, was in done.items():
        output.say(
            f"{plugin_id} was quarantined, and will be imported when it is needed"
            if was
            else f"{plugin_id} is not quarantined; nothing was changed"
        )
