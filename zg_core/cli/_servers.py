"""Which command is called where a server is named: a plugin's, or none.

A command of the core that is about runs is never done on this machine instead: whoever
named a server would not notice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from zg_core._secrets import without_password
from zg_core.errors import AmbiguousNameError, InputError

from ._invocation import HERE, Invocation

if TYPE_CHECKING:
    from zg_core.plugins import PluginHost
    from zg_core.registry import Contribution

__all__ = ["on_server", "server_for", "text_or_nothing"]


def text_or_nothing(_: click.Context, __: click.Parameter, given: Any) -> Any:
    """Refuse what a variable that is not set leaves behind: ``--server "$URL"``."""
    if given is not None and not given.strip():
        raise click.BadParameter(f"it is empty; {HERE} is this machine")
    return given


def server_for(invocation: Invocation, *, about_runs: bool) -> str | None:
    """Return the server that a command is to be done on; `None` is this machine.

    Args:
        invocation: The call of ``zg``.
        about_runs: Whether it is about runs. Others are about this machine, whatever
            the configuration says; but not where the command line names a server.

    Raises:
        ConfigError: If the configuration cannot be used as written.
    """
    named = invocation.overrides.get("server")
    return invocation.server if about_runs or named is not None else None


def on_server(
    invocation: Invocation, server: str, name: str
) -> tuple[PluginHost, Contribution]:
    """Return the command that does something on a server, and the host it is of.

    One that is built in goes first, and no other plugin is loaded for it.

    Args:
        invocation: The call of ``zg``.
        server: The server's address.
        name: The command's name.

    Raises:
        InputError: If no plugin does that on such a server.
        AmbiguousNameError: If several do.
    """
    scheme = server.partition(":")[0].lower()
    builtin = invocation.builtin_host()
    if found := _those(builtin.builtin("command"), scheme, name):
        return builtin, found[0]
    host = invocation.host()
    found = _those(host.all("command"), scheme, name)
    if len(found) > 1:
        plugins = ", ".join(offer.plugin for offer in found)
        raise AmbiguousNameError(
            f"several plugins do `zg {name}` on such a server: {plugins}",
            "leave all but one out: zg -p no:NAME …",
        )
    if not found:
        raise InputError(
            f"`zg {name}` cannot be done on the server {without_password(server)!r}",
            f"for this machine: zg --server {HERE} {name}",
        )
    return host, host.find("command", found[0].qualified)


def _those(
    offers: tuple[Contribution, ...], scheme: str, name: str
) -> list[Contribution]:
    return [o for o in offers if o.name == name and scheme in _servers(o)]


def _servers(offer: Contribution) -> tuple[str, ...]:
    from zg_core.plugins.manifests.shown import shown

    said = shown(offer.spec).get("servers")
    return tuple(map(str, said)) if isinstance(said, list) else ()
