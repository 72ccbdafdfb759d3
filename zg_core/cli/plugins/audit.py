"""``zg plugins audit``: look installed plugins over without running them."""

from __future__ import annotations

import click

from .._groups import Command
from .._invocation import current_invocation, json_option

__all__ = ["audit"]

_EXAMPLE = """\b
Example:
  zg plugins audit
"""
_FILES = "https://pypi.org/project/{name}/{version}/#files"


@click.command(cls=Command, epilog=_EXAMPLE)
@json_option
def audit() -> int:
    """Look installed plugins over, also disabled ones, without running them.

    A warning is given for: code that runs whenever Python starts (.pth); files that
    are not those that were installed, are outside the package, or cannot be
    known; a name almost like a known one; an origin that anybody can alter; a tool
    whose module imports what reaches the network, say, and which does not declare
    that. The exit code is 1 if there is a warning.

    It finds carelessness, and not malice. Attestations of an index are not verified.
    """
    from zg_core.plugins.finding.discover import installed
    from zg_core.plugins.trust.audit import audit as look

    output = current_invocation().output
    found = installed()
    findings = look(found.sources)
    copies = {s.copy for s in found.sources if s.copy and not s.builtin}
    links = {
        copy.name: _FILES.format(name=copy.name, version=copy.version)
        for copy in sorted(copies, key=lambda copy: copy.name)
        if copy.origin == "index"
    }
    output.document(
        {
            "schema": 1,
            "findings": [finding.document() for finding in findings],
            "provenance": links,
        }
    )
    for diagnostic in found.diagnostics:
        if diagnostic.severity != "info":
            output.note(str(diagnostic))
    for finding in findings:
        whose = f"[{finding.plugin} {finding.version}]"
        output.say(f"{finding.severity:<7} {whose} {finding.message}")
    if links:
        output.say("\nAttestations are not verified. If it is from PyPI, see:")
    for link in links.values():
        output.say(f"  {link}")
    warnings = sum(finding.severity == "warning" for finding in findings)
    output.say(
        f"\n{len(copies)} package{'s' * (len(copies) != 1)} with plugins, "
        f"{warnings} warning{'s' * (warnings != 1)}"
    )
    return int(warnings > 0)
