"""``zg plugins lock``: write down which plugins may be loaded, to the byte."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zg_core._config_files import write_file
from zg_core.config import lock_path
from zg_core.errors import PluginError

from .._diagnostics import note_diagnostics
from .._groups import Command
from .._invocation import current_invocation, json_option
from .._output import Output
from .._plugin_host import lenient_host

if TYPE_CHECKING:
    from zg_core.plugins import PluginRecord
    from zg_core.plugins.trust.lock import Lock
    from zg_core.plugins.trust.lock_diff import Difference, ToolChange

__all__ = ["lock"]

_EXAMPLE = """\b
Example:
  zg plugins lock --diff
  zg plugins lock
  zg --locked run "Plan a garden"
"""
_LEFT_OUT = ("disabled", "untrusted")


@click.command(cls=Command, epilog=_EXAMPLE)
@click.option(
    "--file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The lock; zg-plugins.lock beside zg.toml, or beside your own file.",
)
@click.option(
    "--allow-editable",
    is_flag=True,
    help="Lock working copies too, whatever will stand in their files.",
)
@click.option(
    "--diff", is_flag=True, help="Write nothing; show what changed since it was made."
)
@json_option
def lock(file: Path | None, *, allow_editable: bool, diff: bool) -> int:
    """Lock the plugins: each one's version, files, and what its tools say.

    With the policy "locked", or with zg --locked, a plugin is loaded only if it is
    what was locked, to the byte. All enabled plugins are locked; they are loaded for
    it, to see their tools. If one of them does not work, or is a working copy,
    nothing is written and the exit code is 3.

    With --diff the exit code is 1 if anything changed.
    """
    from zg_core.plugins.trust.lock import lock_of, lock_text, make_lock, read_lock
    from zg_core.plugins.trust.lock_diff import differences

    output = current_invocation().output
    path = file or lock_path()
    old = read_lock(path) if diff else None
    plugins = _loaded(output, allow_editable)
    document = make_lock(plugins)
    new = lock_of(document, path)
    if old is not None:
        changes = differences(old, new)
        output.document(
            {
                "schema": 1,
                "file": str(path),
                "same": not changes,
                "changes": [change.document() for change in changes],
            }
        )
        _print_changes(output, path, changes)
        return int(bool(changes))
    write_file(path, lock_text(document))
    path.chmod(0o644)  # it is for everybody who runs these plugins, and no secret
    output.document({"schema": 1, "file": str(path), "lock": document})
    _print_lock(output, path, new)
    return 0


def _loaded(output: Output, allow_editable: bool) -> list[PluginRecord]:
    """Return the plugins that are to be locked, loaded.

    Raises:
        PluginError: If one of them cannot be locked.
    """
    host = lenient_host(ignore_lock=True)
    host.load_all()
    note_diagnostics(output, host)
    enabled = [p for p in host.plugins if not p.builtin and p.state not in _LEFT_OUT]
    if refusals := list(_refusals(enabled, allow_editable)):
        count = len(refusals)
        raise PluginError(
            f"{count} plugin{'s' * (count != 1)} cannot be locked; nothing was written",
            "\n".join(refusals),
        )
    return enabled


def _refusals(plugins: Iterable[PluginRecord], allow_editable: bool) -> Iterator[str]:
    from zg_core.plugins.trust.lock import unlockable

    for plugin in plugins:
        whose = f"{plugin.id} {plugin.version}"
        if why := unlockable(plugin):
            name = plugin.source.distribution or plugin.id
            remedy = f"pip install --force-reinstall {name}, or without it"
            yield f"{whose}: {why} — {remedy}: zg -p no:{plugin.id} plugins lock"
        elif not allow_editable and plugin.source.copy and plugin.source.copy.editable:
            yield f"{whose}: is editable — with it: zg plugins lock --allow-editable"


def _print_lock(output: Output, path: Path, lock: Lock) -> None:
    output.table(
        ["PLUGIN", "VERSION", "FILES", "TOOLS"],
        [
            (
                plugin.id,
                plugin.version,
                "editable" if plugin.editable else plugin.files,
                tuple(plugin.tools),
            )
            for plugin in lock.plugins.values()
        ],
    )
    count = len(lock.plugins)
    output.say(f"\n{count} plugin{'s' * (count != 1)} locked in {path}")


def _print_changes(output: Output, path: Path, changes: Sequence[Difference]) -> None:
    if not changes:
        output.say(f"nothing changed since {path} was made")
    for change in changes:
        output.say(f"{change.plugin}: {' and '.join(_what(change))}")
        for tool in change.tools:
            _print_tool(output, tool)


def _what(change: Difference) -> Iterator[str]:
    if change.locked is None:
        yield f"added, {change.installed}"
    elif change.installed is None:
        yield f"removed, {change.locked}"
    elif change.locked != change.installed:
        yield f"version {change.locked} became {change.installed}"
    elif change.files:
        yield f"other files in the same version, {change.installed}"
    if change.change == "changed" and change.tools:
        yield "tools that tell models something else"


def _print_tool(output: Output, tool: ToolChange) -> None:
    output.say(f"  tool {tool.name}, {tool.change}:")
    for line in tool.diff:
        output.say(f"    {line}")
