"""Open the plugins for commands that work whatever is wrong with them."""

from __future__ import annotations

from dataclasses import replace

from zg_core.plugins import PluginHost

from ._invocation import current_invocation

__all__ = ["lenient_host"]


def lenient_host(*, ignore_lock: bool = False) -> PluginHost:
    """Return a host with no plugin loaded, whatever is wrong with any.

    Args:
        ignore_lock: Whether plugins may be loaded that are not what is locked; for
            the command that locks them.
    """
    invocation = current_invocation()
    config = invocation.config()
    if ignore_lock and config.plugins_policy == "locked":
        config = replace(config, plugins_policy="open")
    host = PluginHost.open(config, on_secret=invocation.secrets.add, lenient=True)
    invocation.hosts.append(host)
    return host
