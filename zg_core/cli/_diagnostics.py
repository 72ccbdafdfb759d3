"""Say on standard error what is not right with plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zg_core.plugins import PluginHost

    from ._output import Output

__all__ = ["note_diagnostics"]


def note_diagnostics(output: Output, host: PluginHost, *, all: bool = False) -> None:  # noqa: A002
    """Print a line for each thing that is not right with a plugin.

    Args:
        output: What prints.
        host: Knows what is wrong with the plugins that were loaded by now.
        all: Whether to print also what is merely worth knowing.
    """
    for found in host.diagnostics:
        if all or found.severity != "info":
            output.note(str(found))
