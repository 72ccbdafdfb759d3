"""``zg plugin check``: find what is wrong with a project's plugin in seconds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zg_core._json import JsonObject
from zg_core.errors import ZeroGravityError

from .._groups import Command
from .._invocation import current_invocation, json_option
from ..plugins.check import wrong_with
from .manifest import listed

if TYPE_CHECKING:
    from zg_core.plugins import Diagnostic
    from zg_core.plugins.finding.sources import Source
    from zg_core.plugins.trial.probe import Probe
    from zg_core.scaffold.project import Project

__all__ = ["check"]

_EXAMPLE = """\b
Example:
  zg plugin check
  zg plugin check --timeout 60
"""


@dataclass(frozen=True, slots=True)
class _Checked:
    """What came of trying a plugin."""

    source: Source
    probe: Probe
    diagnostics: tuple[Diagnostic, ...]

    @property
    def fine(self) -> bool:
        """Whether nothing is wrong."""
        return all(found.severity == "info" for found in self.diagnostics)

    def document(self) -> JsonObject:
        """Return it as JSON."""
        return {
            "id": self.source.id,
            "fine": self.fine,
            "load_cpu_ms": round(self.probe.seconds_cpu * 1000, 1),
            "contributions": list(self.probe.contributions),
            "diagnostics": [found.document() for found in self.diagnostics],
            "stderr": self.probe.stderr,
        }

    def __str__(self) -> str:
        offers = self.probe.contributions
        offered = ", ".join(f"{offer['kind']} {offer['name']}" for offer in offers)
        milliseconds = f"{self.probe.seconds_cpu * 1000:.0f} ms"
        return (
            f"{self.source.id} {'is fine' if self.fine else 'is not right'}; it offers "
            f"{offered or 'nothing'}, and loads in {milliseconds}"
        )


@click.command(
    cls=Command, epilog=_EXAMPLE, short_help="Find what is wrong with a project."
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=10.0,
    show_default=True,
    help="Seconds after which the plugin is said to hang.",
)
@json_option
def check(timeout: float) -> int:
    """Find what is wrong with the plugin in this folder, installed or not.

    In a process of its own it is imported, its hooks are asked twice, what its
    factories name is imported, and its tools' schemas are checked. Reported is also
    what importing it changes that is not its own, and a manifest that is out of step.
    Its tests, with the conformance kit, find more.

    The exit code is 1 if anything is wrong.
    """
    from zg_core.scaffold.project import read_project

    output = current_invocation().output
    project = read_project(Path())
    checked = [_check(project, source, timeout) for source in project.sources]
    output.document({"schema": 1, "plugins": [each.document() for each in checked]})
    for each in checked:
        output.say(str(each))
        for found in each.diagnostics:
            output.note(str(found))
    return 0 if all(each.fine for each in checked) else 1


def _check(project: Project, source: Source, timeout: float) -> _Checked:
    from zg_core.plugins.trial.probe import probe

    tried = probe(source, timeout, first=str(project.root))
    usual = source.findings()
    # What users are told to do about it is not what its author can do.
    found = [
        replace(one, hint="" if one.hint == usual.hint else one.hint)
        for one in wrong_with(source, tried, timeout)
    ]
    return _Checked(source, tried, (*found, *_further(project, source, tried, timeout)))


def _further(
    project: Project, source: Source, tried: Probe, timeout: float
) -> Iterator[Diagnostic]:
    """Yield what users are not told of, but its author is."""
    from zg_core.plugins.trial.probe import SLOW

    findings = replace(source.findings(), hint="")
    for hook in tried.unequal:
        what = f"{hook} offers something else when it is asked again"
        findings.add("ZG211", what, "let it return the same whenever it is asked")
    for name in sorted(SLOW.intersection(tried.modules)):
        what = f"importing it imports {name!r}, for which every list would wait"
        findings.add("ZG301", what, "import it in the function that needs it")
    if tried.ok and source.manifest:
        try:
            in_step = listed(project, source, timeout).in_step
        except ZeroGravityError as error:
            findings.add("ZG111", error.cause, error.remedy)
        else:
            if not in_step:
                what = "its manifest is not what its code is"
                findings.add("ZG214", what, "zg plugin manifest --write")
    return iter(findings.diagnostics)
