"""Say in what a replayed run differed from the recorded one."""

from __future__ import annotations

from collections.abc import Iterable

from zg_core.events import Event, ReplayDiverged, RunFailed, RunResumed

from ._output import Output

__all__ = ["print_difference"]


def print_difference(output: Output, events: Iterable[Event]) -> None:
    """Print to standard error what the first different call asked, as a diff."""
    diff = ""
    for event in events:
        match event:
            case ReplayDiverged():
                diff = diff or event.diff
            case RunFailed():
                diff = diff or str(event.error.details.get("diff", ""))
            case RunResumed():
                diff = ""  # which was said before
    for line in diff.splitlines():
        output.note(line)
