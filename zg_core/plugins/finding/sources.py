"""Where a plugin comes from: what is known of it without running it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from ..._isolation import contain
from ..._names import plugin_id
from ..diagnose import Findings
from .scan import Copy

__all__ = ["BUILTIN", "BUILTIN_MODULE", "DISTRIBUTION", "Source", "given_source"]

BUILTIN = "builtin"
"""The id of the plugin that comes with ZeroGravity."""

BUILTIN_MODULE = "zg_plugins_builtin.plugin"
DISTRIBUTION = "zerogravity"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a plugin comes from.

    Attributes:
        id: The plugin's id.
        reference: Where its code is: ``"package.module:attribute"``.
        entry_point: Name of the entry point; empty if none names it.
        copy: The distribution that has it; `None` if none does.
        file: The file it is, where the user's configuration names one.
        manifest: Where its manifest is: ``"package:zg_plugin.json"``; empty if it
            says of none.
        builtin: Whether it came with ZeroGravity.
        impostor: Whether the distribution has ZeroGravity's name and is not it.
    """

    id: str
    reference: str
    entry_point: str = ""
    copy: Copy | None = None
    file: str = ""
    manifest: str = ""
    builtin: bool = False
    impostor: bool = False

    @property
    def distribution(self) -> str:
        """The distribution's normalised name; empty if there is none."""
        return self.copy.name if self.copy else ""

    @property
    def version(self) -> str:
        """The distribution's version."""
        return self.copy.version if self.copy else "unknown"

    @property
    def origin(self) -> str:
        """Where it was installed from, for people."""
        if self.builtin:
            return DISTRIBUTION
        if self.file:
            return self.file
        return self.copy.origin if self.copy else "object"

    @property
    def place(self) -> str:
        """What on this machine it is imported from; empty if it was given."""
        return self.copy.folder if self.copy else self.file

    def findings(self) -> Findings:
        """Return a new collection of what is not right with the plugin."""
        if self.builtin:
            hint = f"pip install --force-reinstall {DISTRIBUTION}"
        elif self.copy:
            hint = f"pip install -U {self.copy.name}, or: zg -p no:{self.id} …"
        elif self.file:
            hint = f"take it out of plugins.local, or: zg -p no:{self.id} …"
        else:
            hint = "leave it out where the engine is opened"
        return Findings(self.id, self.version, hint)

    def record_sha256(self) -> str | None:
        """Return the digest of the list of its files; `None` for a working copy."""
        if self.copy is None or self.copy.editable:
            return None
        try:
            record = Path(self.copy.folder, "RECORD").read_bytes()
        except OSError:
            return None
        return hashlib.sha256(record).hexdigest()


def given_source(plugin: object) -> Source:
    """Return the source of a plugin that was given as an object, not installed."""
    name = type(plugin).__name__
    with contain():  # `__getattr__` is the plugin's code
        name = str(getattr(plugin, "__name__", name))
    if isinstance(plugin, ModuleType) and name == BUILTIN_MODULE:
        return Source(id=BUILTIN, reference=name, builtin=True)
    return Source(id=plugin_id(name), reference=name)
