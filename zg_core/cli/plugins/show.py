"""``zg plugins show``: all that is known of one plugin."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from zg_core._json import JsonObject
from zg_core.config import lock_path
from zg_core.errors import ConfigError

from .._groups import Command
from .._invocation import current_invocation, json_option
from .._plugin_host import lenient_host

if TYPE_CHECKING:
    from zg_core.plugins import PluginRecord
    from zg_core.plugins.trust.lock import Lock

__all__ = ["show"]


@click.command(cls=Command, epilog="Example: zg plugins show zg-weather")
@click.argument("name", metavar="ID")
@json_option
def show(name: str) -> None:
    """Show all that is known of one plugin, and where its failure comes from.

    It is loaded for that, if it may be; no other plugin is.
    """
    output = current_invocation().output
    host = lenient_host()
    host.load(*(plugin.id for plugin in host.named(name)))
    shown = host.named(name)
    lock = _lock()
    output.document(
        {"schema": 1, "plugins": [_document(plugin, lock) for plugin in shown]}
    )
    for plugin in shown:
        output.say(f"{plugin.id} {plugin.version}: {plugin.state}")
        for label, value in _facts(plugin, lock):
            output.say(f"  {label:<13}{value}")
        for found in plugin.diagnostics:
            output.say(f"  {found}")
        if plugin.loading and plugin.loading.traceback:
            output.say(plugin.loading.traceback.rstrip())


def _lock() -> Lock | str | None:
    """Return the lock, or why it cannot be read; `None` if there is none."""
    from zg_core.plugins.trust.lock import read_lock

    try:
        path = lock_path()
        return read_lock(path) if path.exists() else None
    except ConfigError as error:
        return error.cause


def _locked(plugin: PluginRecord, lock: Lock | str | None) -> str:
    if plugin.builtin:
        return "needs none: it is ZeroGravity's own"
    if lock is None:
        return "there is none"
    if isinstance(lock, str):
        return lock
    objection = lock.objection(plugin.source)
    return f"no: {objection}" if objection else f"yes, in {lock.path}"


def _facts(plugin: PluginRecord, lock: Lock | str | None) -> Iterator[tuple[str, str]]:
    copy = plugin.source.copy
    yield "code", plugin.source.reference
    yield "source", plugin.source.origin
    if copy:
        yield "path", copy.root
    yield "RECORD", plugin.source.record_sha256() or "none"
    yield "locked", _locked(plugin, lock)
    yield "manifest", plugin.source.manifest or "none"
    if plugin.loading:
        yield "hooks", ", ".join(n for n, _ in plugin.loading.hooks) or "none"
    for kind, names in plugin.contributes.items():
        yield f"{kind}s", ", ".join(names)
    if capabilities := plugin.document()["capabilities"]:
        yield "capabilities", ", ".join(capabilities)


def _document(plugin: PluginRecord, lock: Lock | str | None) -> JsonObject:
    loading = plugin.loading
    return {
        **plugin.document(),
        "source": plugin.source.origin,
        "record_sha256": plugin.source.record_sha256(),
        "locked": _locked(plugin, lock),
        "quarantined": plugin.state == "quarantined",
        "hooks": [name for name, _ in loading.hooks] if loading else [],
        "traceback": loading.traceback if loading else "",
    }
