"""What is known of one plugin, at any time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from .._json import JsonObject
from ..registry import Contribution, Kind
from .diagnose import Diagnostic, State
from .finding.sources import Source
from .load import Loaded
from .manifests.index import Manifest
from .manifests.shown import capabilities_of

if TYPE_CHECKING:
    from ..events import PluginInfo

__all__ = ["PluginRecord"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginRecord:
    """A plugin: where it comes from, and what became of it.

    Attributes:
        source: Where it comes from.
        state: Whether it works, or why not.
        manifest: What it says of itself, to be known without being loaded; `None`
            if it must be loaded for that.
        noted: What was not right before it was loaded.
        loading: What came of loading it; `None` if nobody has.
    """

    source: Source
    state: State = "discovered"
    manifest: Manifest | None = None
    noted: tuple[Diagnostic, ...] = ()
    loading: Loaded | None = None

    @property
    def id(self) -> str:
        """The plugin's id."""
        return self.source.id

    @property
    def version(self) -> str:
        """Its distribution's version."""
        return self.source.version

    @property
    def builtin(self) -> bool:
        """Whether it came with ZeroGravity."""
        return self.source.builtin

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """All that is not right with it."""
        return (*self.noted, *(self.loading.diagnostics if self.loading else ()))

    @property
    def loaded(self) -> bool:
        """Whether its code was imported."""
        return self.loading is not None and self.loading.imported

    @property
    def contributions(self) -> tuple[Contribution, ...]:
        """What it offers; before it was loaded, what its manifest says of that."""
        if self.loading:
            return self.loading.contributions
        return self.manifest.contributions if self.manifest else ()

    @property
    def contributes(self) -> Mapping[Kind, tuple[str, ...]]:
        """The names of what it offers, by kind."""
        kinds: tuple[Kind, ...] = get_args(Kind)
        return {
            kind: names
            for kind in kinds
            if (names := tuple(c.name for c in self.contributions if c.kind == kind))
        }

    def info(self) -> PluginInfo:
        """Return it as journals keep it."""
        from ..events import PluginInfo  # which `zg --help` has no use for

        return PluginInfo(
            id=self.id,
            version=self.version,
            builtin=self.builtin,
            record_sha256=self.source.record_sha256(),
        )

    def document(self) -> JsonObject:
        """Return it as JSON."""
        copy = self.source.copy
        capabilities = capabilities_of(self.contributions)
        if self.manifest and not self.loading:
            capabilities = self.manifest.capabilities
        return {
            "id": self.id,
            "dist": self.source.distribution or None,
            "version": self.version,
            "state": self.state,
            "builtin": self.builtin,
            "entry_point": self.source.reference,
            "manifest": self.manifest is not None,
            "loaded": self.loaded,
            "load_ms": round(self.loading.seconds * 1000, 1) if self.loading else None,
            "contributes": {f"{k}s": list(v) for k, v in self.contributes.items()},
            "capabilities": list(capabilities),
            "diagnostics": [found.document() for found in self.diagnostics],
            "path": copy.root if copy else self.source.file or None,
            "editable": bool(copy and copy.editable),
        }
