"""``zg plugins``: which plugins there are, what they offer, what is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import click

from zg_core._json import JsonObject
from zg_core.plugins import PluginHost, PluginRecord

from ._diagnostics import note_diagnostics
from ._groups import Group
from ._invocation import current_invocation, json_option
from ._output import Output

__all__ = ["plugins"]

_STRICT = 3


@click.group(
    cls=Group, invoke_without_command=True, epilog="Example: zg plugins --json"
)
@json_option
@click.pass_context
def plugins(ctx: click.Context) -> None:
    """List the plugins that are installed, and what is wrong with them."""
    if ctx.invoked_subcommand:
        return
    output = current_invocation().output
    host, strict = _open()
    output.document(
        {
            "schema": 1,
            "plugins": [plugin.document() for plugin in host.plugins],
            "diagnostics": [found.document() for found in host.general_diagnostics],
        }
    )
    _print_table(output, host.plugins)
    note_diagnostics(output, host, all=True)
    output.say(f"\n{_summary(host.plugins)}")
    if strict and any(found.severity != "info" for found in host.diagnostics):
        ctx.exit(_STRICT)


@plugins.command("show", epilog="Example: zg plugins show zg-weather")
@click.argument("name", metavar="ID")
@json_option
def show(name: str) -> None:
    """Show all that is known of one plugin, and where its failure comes from."""
    output = current_invocation().output
    host, _ = _open()
    shown = host.named(name)
    output.document({"schema": 1, "plugins": [_document(plugin) for plugin in shown]})
    for plugin in shown:
        output.say(f"{plugin.id} {plugin.version}: {plugin.state}")
        for label, value in _facts(plugin):
            output.say(f"  {label:<13}{value}")
        for found in plugin.diagnostics:
            output.say(f"  {found}")
        if plugin.loading and plugin.loading.traceback:
            output.say(plugin.loading.traceback.rstrip())


def _open() -> tuple[PluginHost, bool]:
    """Return a host with all plugins loaded, and whether one must be without fault.

    This command always works, so that one can see what is to be removed.
    """
    invocation = current_invocation()
    config = invocation.config()
    host = PluginHost.open(
        replace(config, plugins_strict=False), on_secret=invocation.secrets.add
    )
    host.load_all()
    return host, config.plugins_strict


def _print_table(output: Output, plugins: Sequence[PluginRecord]) -> None:
    output.table(
        ["PLUGIN", "VERSION", "STATE", "PROVIDES", "LOAD", "SOURCE"],
        [
            (
                plugin.id,
                plugin.version,
                plugin.state,
                _provides(plugin),
                f"{plugin.loading.seconds * 1000:.0f} ms" if plugin.loading else None,
                plugin.source.origin,
            )
            for plugin in plugins
        ],
    )


def _provides(plugin: PluginRecord) -> str:
    counts = {kind: len(names) for kind, names in plugin.contributes.items()}
    return " ".join(f"{n} {kind}{'s' * (n != 1)}" for kind, n in counts.items())


def _summary(plugins: Sequence[PluginRecord]) -> str:
    states = Counter(plugin.state for plugin in plugins)
    count = f"{len(plugins)} plugin{'s' * (len(plugins) != 1)}"
    return f"{count}: {', '.join(f'{n} {state}' for state, n in states.items())}"


def _facts(plugin: PluginRecord) -> Iterator[tuple[str, str]]:
    copy = plugin.source.copy
    yield "code", plugin.source.reference
    yield "source", plugin.source.origin
    if copy:
        yield "path", copy.root
    if plugin.loading:
        yield "hooks", ", ".join(n for n, _ in plugin.loading.hooks) or "none"
    for kind, names in plugin.contributes.items():
        yield f"{kind}s", ", ".join(names)


def _document(plugin: PluginRecord) -> JsonObject:
    loading = plugin.loading
    return {
        **plugin.document(),
        "hooks": [name for name, _ in loading.hooks] if loading else [],
        "traceback": loading.traceback if loading else "",
    }
