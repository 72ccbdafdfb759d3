"""``zg plugins check``: try each plugin in a process of its own."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from zg_core._json import JsonObject

from .._groups import Command
from .._invocation import current_invocation, json_option
from .._plugin_host import lenient_host

if TYPE_CHECKING:
    from zg_core.plugins import Diagnostic, PluginRecord
    from zg_core.plugins.finding.sources import Source
    from zg_core.plugins.trial.probe import Probe

    from ._routing import Routed

__all__ = ["check", "wrong_with"]

_EXAMPLE = """\b
Example:
  zg plugins check
  zg plugins check zg-weather --timeout 60
"""
_FAULTY = 3


@dataclass(frozen=True, slots=True)
class _Checked:
    """What came of trying a plugin."""

    plugin: PluginRecord
    asked: bool
    probe: Probe | None
    diagnostics: tuple[Diagnostic, ...]
    routed: Routed | None = None

    @property
    def result(self) -> str:
        """What it is, in a word or two."""
        if self.probe is None:
            return f"not run, {self.plugin.state}"
        if self.probe.timed_out:
            return "hangs"
        if not self.probe.finished:
            return "ends the process"
        return "faulty" if self.faulty else "fine"

    @property
    def faulty(self) -> bool:
        """Whether anything is wrong, or it was named and not tried."""
        if self.asked and self.probe is None:
            return True
        return any(found.severity != "info" for found in self.diagnostics)

    def document(self) -> JsonObject:
        """Return it as JSON."""
        probe = self.probe
        return {
            "id": self.plugin.id,
            "version": self.plugin.version,
            "result": self.result,
            "load_cpu_ms": round(probe.seconds_cpu * 1000, 1) if probe else None,
            "exit_status": probe.exit_status if probe else None,
            "diagnostics": [found.document() for found in self.diagnostics],
            "stderr": probe.stderr if probe else "",
            "routing": self.routed.document() if self.routed else None,
        }


@click.command(cls=Command, epilog=_EXAMPLE)
@click.argument("names", metavar="[ID]...", nargs=-1)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=10.0,
    show_default=True,
    help="Seconds after which a plugin is said to hang.",
)
@json_option
def check(names: tuple[str, ...], timeout: float) -> int:
    """Try plugins, each in a process of its own, which is ended if it hangs.

    A plugin is imported, its hooks are asked, what its factories name is imported
    and its tools' schemas are checked. Reported is also what importing it changes
    that is not its own (ZG301): logging, the environment, signal handlers and so on.

    Without an ID all plugins are tried that may be loaded, and those that are
    quarantined. A disabled one is tried if it is named; an untrusted one never. The
    process is no sandbox: what is imported can do what you can do.

    Where nothing is wrong with a plugin that offers agents, the report says how many
    of the plugin's examples are routed to them, and whether the plugin changes how
    the built-in examples are routed. For that it is loaded in this process, too.

    What takes an extra that is not installed is no fault, and is said (ZG216).

    The exit code is 3 if anything is wrong with one of them.
    """
    output = current_invocation().output
    host = lenient_host()
    chosen = [plugin for name in names for plugin in host.named(name)] or host.plugins
    each_once = {plugin.id: plugin for plugin in chosen}.values()
    checked = [_check(plugin, bool(names), timeout) for plugin in each_once]
    checked = [replace(each, routed=_routed(each)) for each in checked]
    output.document({"schema": 1, "plugins": [each.document() for each in checked]})
    output.table(
        ["PLUGIN", "VERSION", "RESULT", "LOAD", "OFFERS"],
        [
            (
                each.plugin.id,
                each.plugin.version,
                each.result,
                f"{each.probe.seconds_cpu * 1000:.0f} ms" if each.probe else None,
                len(each.probe.contributions) if each.probe else None,
            )
            for each in checked
        ],
    )
    for each in checked:
        for found in each.diagnostics:
            output.note(str(found))
        if each.routed:
            output.say(f"{each.plugin.id}: {each.routed.sentence()}")
    return _FAULTY if any(each.faulty for each in checked) else 0


def _check(plugin: PluginRecord, asked: bool, timeout: float) -> _Checked:
    from zg_core.plugins.trial.probe import probe

    tried = ("discovered", "quarantined", "disabled" if asked else "quarantined")
    if plugin.state not in tried:
        return _Checked(plugin, asked, None, plugin.diagnostics)
    done = probe(plugin.source, timeout)
    # That it is quarantined says what an earlier import did.
    noted = [found for found in plugin.noted if found.code != "ZG207"]
    return _Checked(
        plugin, asked, done, (*noted, *wrong_with(plugin.source, done, timeout))
    )


def _routed(checked: _Checked) -> Routed | None:
    """Compare how objectives are routed with a plugin that may be loaded, and without.

    Returns:
        What came of it; `None` if it is not tried.
    """
    if checked.probe is None or checked.faulty or checked.plugin.state != "discovered":
        return None
    if not any(c["kind"] == "agent" for c in checked.probe.contributions):
        return None
    import anyio

    from ._routing import routed

    return anyio.run(routed, current_invocation(), checked.plugin, checked.probe)


def wrong_with(source: Source, probe: Probe, timeout: float) -> Iterator[Diagnostic]:
    """Yield what a probe of a plugin, which had so much time, says against it."""
    from zg_core.plugins.finding.compatibility import extra_with

    findings = source.findings()
    if probe.timed_out:
        findings.add("ZG201", f"loading it did not end within {timeout:g} s")
    elif not probe.finished:
        how = _status(probe.exit_status or 0)
        findings.add("ZG201", f"loading it ended the process, with {how}")
    yield from probe.diagnostics
    for flaw in probe.flaws:
        if extra := extra_with(source, flaw.module) if flaw.module else "":
            message = f"{flaw.thing} takes the extra {extra!r}, which is not installed"
            hint = f"pip install '{source.distribution}[{extra}]'"
            findings.add("ZG216", message, hint)
        else:
            findings.add("ZG212", str(flaw))
    for effect in probe.side_effects:
        findings.add("ZG301", f"importing it {effect}")
    for address in probe.network:
        findings.add("ZG301", f"importing it uses the network: {address}")
    if probe.stdout_bytes:
        size = probe.stdout_bytes
        findings.add("ZG301", f"importing it writes {size} bytes to standard output")
    yield from findings.diagnostics


def _status(status: int) -> str:
    with suppress(ValueError):
        return signal.Signals(-status).name
    return f"exit status {status}"
