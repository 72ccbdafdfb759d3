"""What can be wrong with plugins: codes, how bad each is, and where that leaves one.

The codes are part of the plugin API: they keep their meaning, and are not reused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, TypeAlias

from .._isolation import describe, traceback_of
from .._json import JsonObject

__all__ = ["SEVERITIES", "Diagnostic", "Findings", "Severity", "State", "state_of"]

Severity: TypeAlias = Literal["error", "warning", "info"]
State: TypeAlias = Literal[
    "discovered",
    "active",
    "degraded",
    "broken",
    "incompatible",
    "untrusted",
    "disabled",
    "quarantined",
]

SEVERITIES: Mapping[str, Severity] = MappingProxyType(
    {
        "ZG101": "warning",  # the metadata of a distribution cannot be read
        "ZG102": "warning",  # entry points that belong to no distribution
        "ZG103": "warning",  # the same entry point twice
        "ZG104": "warning",  # a distribution twice, or one that has our name
        "ZG105": "info",  # the built-in plugin was found without metadata
        "ZG111": "warning",  # its manifest cannot be read
        "ZG121": "error",  # needs another plugin API, or another ZeroGravity
        "ZG131": "warning",  # the configuration names a plugin that is not there
        "ZG141": "info",  # the policy is an allowlist, and it is not in it
        "ZG142": "error",  # it is not what was locked
        "ZG143": "error",  # a tool is not what was locked
        "ZG201": "error",  # it cannot be imported
        "ZG202": "error",  # its hooks do not fit
        "ZG203": "warning",  # a hook we do not know
        "ZG204": "warning",  # no hooks
        "ZG205": "warning",  # a hook that wraps others
        "ZG206": "error",  # it is not a plugin object
        "ZG207": "error",  # the process died, or was interrupted, while importing it
        "ZG211": "error",  # a hook failed
        "ZG212": "error",  # a hook returned something wrong among others
        "ZG213": "warning",  # a name twice within the plugin
        "ZG214": "warning",  # its manifest says something else than its code
        "ZG215": "info",  # a description was cleaned
        "ZG216": "info",  # what it offers takes an extra that is not installed
        "ZG221": "warning",  # an observer or exporter failed too often, or hung
        "ZG231": "warning",  # it uses, or offers, what is deprecated
        "ZG301": "warning",  # importing it changes what is not its own
    }
)
"""How bad each code is; strict mode allows nothing above ``info``."""

_BROKEN = frozenset({"ZG201", "ZG202", "ZG206"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """Something about a plugin, or about what is installed, that is not right.

    Attributes:
        code: What kind of thing: ``"ZG201"``.
        message: What it is, as half a sentence.
        hint: What the user can do about it.
        plugin: Id of the plugin; empty if it is about none.
        version: The plugin's version.
    """

    code: str
    message: str
    hint: str
    plugin: str = ""
    version: str = ""

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return SEVERITIES[self.code]

    def __str__(self) -> str:
        whose = f" [{self.plugin} {self.version}]" if self.plugin else ""
        line = f"{self.severity:<6} {self.code}{whose} {self.message}"
        return f"{line} — {self.hint}" if self.hint else line

    def document(self) -> JsonObject:
        """Return it as JSON."""
        return {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "hint": self.hint,
        }


@dataclass(slots=True)
class Findings:
    """Collects the diagnostics of one plugin.

    Attributes:
        plugin: The plugin's id.
        version: Its version.
        hint: What the user can do where nothing better is known.
        diagnostics: What was found.
        traceback: Where the last error came from.
    """

    plugin: str = ""
    version: str = ""
    hint: str = ""
    diagnostics: list[Diagnostic] = field(default_factory=list)
    traceback: str = ""

    def add(
        self,
        code: str,
        message: str,
        hint: str = "",
        *,
        error: BaseException | None = None,
    ) -> None:
        """Note something that is not right, and the error that shows it."""
        if error:
            message = f"{message}: {describe(error)}"
            self.traceback = traceback_of(error)
        self.diagnostics.append(
            Diagnostic(
                code=code,
                message=message,
                hint=hint or self.hint,
                plugin=self.plugin,
                version=self.version,
            )
        )


def state_of(diagnostics: Iterable[Diagnostic]) -> State:
    """Return the state of a plugin that was loaded with these diagnostics."""
    found = list(diagnostics)
    if any(one.code == "ZG121" for one in found):
        return "incompatible"
    if any(one.code in _BROKEN for one in found):
        return "broken"
    return "degraded" if any(one.severity == "error" for one in found) else "active"
