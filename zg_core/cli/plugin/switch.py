"""``zg plugin disable`` and ``enable``: say in the user's file what is not loaded."""

from __future__ import annotations

import click

from zg_core._config_files import read_file
from zg_core._names import plugin_id
from zg_core.config import check_file, user_file
from zg_core.errors import UnknownNameError

from .._groups import Command
from .._invocation import current_invocation, json_option
from .._plugin_host import lenient_host
from .._user_file import set_value, unset_value

__all__ = ["disable", "enable"]

_KEY = ("plugins", "disable")


@click.command(
    cls=Command,
    epilog="Example: zg plugin disable weather",
    short_help="Never load a plugin again.",
)
@click.argument("name")
@json_option
def disable(name: str) -> None:
    """Never load a plugin again until it is enabled, by a line in your own file."""
    held = _disabled()
    known = {plugin_id(each) for each in held}
    ids = [record.id for record in lenient_host().named(name)]
    if added := [id for id in ids if id not in known]:  # noqa: A001
        set_value(_KEY, (*held, *added))
    _report(ids, "disabled")


@click.command(
    cls=Command,
    epilog="Example: zg plugin enable weather",
    short_help="Load a disabled plugin again.",
)
@click.argument("name")
@json_option
def enable(name: str) -> None:
    """Load a plugin again that was disabled in your own file."""
    held = _disabled()
    meant = {plugin_id(name), f"zg-{plugin_id(name)}"}
    kept = [each for each in held if not meant & {plugin_id(each), _whole(each)}]
    if len(kept) == len(held):
        raise UnknownNameError(
            f"{name!r} is not disabled in {user_file()}",
            "`zg config get plugins.disable` shows what is, `zg config` by what",
        )
    if kept:
        set_value(_KEY, tuple(kept))
    else:
        unset_value(_KEY)
    _report([each for each in held if each not in kept], "enabled")


def _disabled() -> tuple[str, ...]:
    """Return what the user's file disables.

    Raises:
        ConfigError: If it cannot be used as written.
    """
    file = read_file(user_file())
    return tuple(check_file(file).get(".".join(_KEY), ())) if file else ()


def _whole(name: str) -> str:
    return f"zg-{plugin_id(name)}"


def _report(ids: list[str], what: str) -> None:
    output = current_invocation().output
    output.document({"schema": 1, what: ids, "file": str(user_file())})
    for each in ids:
        output.say(f"{each} is {what} in {user_file()}")
