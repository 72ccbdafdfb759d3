"""``zg plugins``: which plugins there are, what they offer, what is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import click

from zg_core.plugins import PluginRecord

from .._diagnostics import note_diagnostics
from .._groups import Group
from .._invocation import current_invocation, json_option
from .._output import Output
from .._plugin_host import lenient_host
from .audit import audit
from .check import check
from .freeze import freeze
from .lock import lock
from .reset import reset
from .show import show

__all__ = ["plugins"]

_STRICT = 3


@click.group(
    cls=Group,
    commands=[audit, check, freeze, lock, reset, show],
    invoke_without_command=True,
    epilog="Example: zg plugins --json",
)
@json_option
@click.pass_context
def plugins(ctx: click.Context) -> None:
    """List the plugins that are installed, and what is wrong with them."""
    if ctx.invoked_subcommand:
        return
    output = current_invocation().output
    host = lenient_host()
    strict = current_invocation().config().plugins_strict
    if strict:
        host.load_all()
    else:
        host.load_unlisted()  # the others say in their manifests what they offer
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
    told = [f"{n} {kind}{'s' * (n != 1)}" for kind, n in counts.items()]
    if told and not plugin.loading:
        told.append("(manifest)")
    return " ".join(told)


def _summary(plugins: Sequence[PluginRecord]) -> str:
    states = Counter(plugin.state for plugin in plugins)
    count = f"{len(plugins)} plugin{'s' * (len(plugins) != 1)}"
    return f"{count}: {', '.join(f'{n} {state}' for state, n in states.items())}"
