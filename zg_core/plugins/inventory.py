"""The plugins of one host, each loaded when it is needed first."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace

from .._version import core_version
from ..config import Config
from ..hookspecs import API
from ..registry import Kind, Registry
from ..specs import HostInfo
from .diagnose import Diagnostic, Findings, State, state_of
from .finding.choose import choose
from .finding.compatibility import check_api, check_requirements
from .finding.discover import Discovery
from .finding.local import import_file
from .finding.sources import BUILTIN, Source, given_source
from .hooks import HookManager
from .load import Loaded, load
from .manifests.index import note_drift, read_manifest
from .records import PluginRecord
from .references import resolve
from .trust.policy import Policy
from .trust.quarantine import in_quarantine, quarantined, watched

__all__ = ["Inventory"]


class Inventory:
    """The plugins of one host.

    Args:
        config: Which of them may be loaded.
        objects: Plugins that are not installed but given. One of these takes the
            place of an installed plugin of its id, and is never disabled.
        found: The installed plugins.
        lenient: Whether a lock that cannot be read only means that nothing is
            locked.

    Attributes:
        registry: What the plugins offer that were loaded, and what those that may be
            say they do in a manifest.
        general: What is not right, and is no plugin's.

    Raises:
        UnknownNameError: If a plugin that is to be loaded is not there.
        ConfigError: If plugins are locked and the lock cannot be read.
    """

    def __init__(
        self,
        config: Config,
        objects: Sequence[object],
        found: Discovery,
        *,
        lenient: bool = False,
    ) -> None:
        self.registry = Registry(overrides=config.overrides)
        self._sections = config.plugins_config
        self._policy = Policy(config, lenient=lenient)
        self._given = _with_sources(objects)
        self._manager = HookManager()
        self._lock = threading.RLock()
        installed = [s for s in found.sources if s.id not in self._given]
        given = [source for source, _ in self._given.values()]
        sources = sorted((*installed, *given), key=lambda s: (not s.builtin, s.id))
        choice = choose(config, sources)
        # Whose code is running; of another copy the version would mean nothing.
        core = next((s.version for s in found.sources if s.builtin and s.copy), None)
        self.info = HostInfo(core_version=core or core_version(), api=API)
        wanted = [s for s in installed if s.id not in choice.disabled]
        kept_out = quarantined() if any(not s.builtin for s in wanted) else frozenset()
        self._records = {
            s.id: PluginRecord(
                source=s, state="disabled", manifest=read_manifest(s, s.findings())
            )
            for s in installed
            if s.id in choice.disabled
        }
        for source in wanted:
            self._records[source.id] = self._judged(source, found, core, kept_out)
        self._records |= {s.id: PluginRecord(source=s) for s in given}
        self._records = {s.id: self._records[s.id] for s in sources}
        for record in self._records.values():
            if record.state == "discovered":
                self.registry.add(record.contributions)
        absent = Findings()
        self._policy.note_absent(self._records.keys(), absent)
        self.general: tuple[Diagnostic, ...] = (
            *(one for one in found.diagnostics if not one.plugin),
            *choice.diagnostics,
            *absent.diagnostics,
        )

    @property
    def records(self) -> Mapping[str, PluginRecord]:
        """What is known of each plugin now: the built-in one first, then by id."""
        return self._records

    def need(self, *plugins: str) -> None:
        """Load these plugins, if they may be loaded and are not; others are ignored."""
        with self._lock:
            for plugin in plugins:
                record = self._records.get(plugin)
                if record is None or record.state != "discovered":
                    continue
                if not record.source.builtin:
                    self.need(BUILTIN)  # agents of all plugins may name its tools
                self._load(record)

    def need_all(self) -> None:
        """Load every plugin that may be loaded."""
        self.need(*self._records)

    def need_to_know(self, kind: Kind | None = None, name: str = "") -> None:
        """Load every plugin without a manifest: what it offers is known only then.

        Args:
            kind: A kind of thing.
            name: A short name: the plugins that offer a thing of that kind by it are
                loaded too, manifest or not.
        """
        for record in tuple(self._records.values()):
            has = self.registry.get(kind, record.id, name) if kind else None
            if has or not record.manifest:
                self.need(record.id)

    def _load(self, record: PluginRecord) -> None:
        source = record.source
        tools = self.registry.all("tool")
        with watched(source):
            loading = load(
                source,
                lambda: self._fetch(source),
                self._manager,
                self.info,
                {tool.name for tool in tools if tool.builtin},
                self._sections.get(source.id, {}),
            )
        loading = self._without_untrusted(source, _with_drift(record, loading))
        state = state_of(loading.diagnostics)
        self._records[source.id] = replace(record, state=state, loading=loading)
        self.registry.drop(source.id)
        self.registry.add(loading.contributions)

    def _fetch(self, source: Source) -> object:
        if source.id in self._given:
            return self._given[source.id][1]
        return import_file(source.file) if source.file else resolve(source.reference)

    def _without_untrusted(self, source: Source, loading: Loaded) -> Loaded:
        findings = source.findings()
        offers = tuple(self._policy.trusted(loading.contributions, findings))
        diagnostics = (*loading.diagnostics, *findings.diagnostics)
        return replace(loading, contributions=offers, diagnostics=diagnostics)

    def _judged(
        self,
        source: Source,
        found: Discovery,
        core: str | None,
        kept_out: frozenset[str],
    ) -> PluginRecord:
        """Return whether a plugin may be loaded, by what is known without that."""
        findings = source.findings()
        findings.diagnostics += [
            one for one in found.diagnostics if one.plugin == source.id
        ]
        manifest = read_manifest(source, findings)
        state: State = "discovered"
        if source.impostor or not self._policy.trusts(source, findings):
            state = "untrusted"
        elif (core and not check_requirements(source, core, findings)) or (
            manifest and not check_api(manifest.api, self.info.core_version, findings)
        ):
            state = "incompatible"
        elif in_quarantine(source, kept_out):
            state = "quarantined"
            findings.add(
                "ZG207",
                "ended the process, or was interrupted, when it was imported last",
                f"pip install -U {source.distribution}, or: zg plugins reset "
                f"{source.id}"
                if source.copy
                else f"zg plugins reset {source.id}",
            )
        return PluginRecord(
            source=source,
            state=state,
            manifest=manifest,
            noted=tuple(findings.diagnostics),
        )


def _with_drift(record: PluginRecord, loading: Loaded) -> Loaded:
    """Note where the manifest and the code differ, unless what failed says why."""
    if record.manifest is None or state_of(loading.diagnostics) != "active":
        return loading
    findings = record.source.findings()
    note_drift(record.manifest, loading.contributions, findings)
    diagnostics = (*loading.diagnostics, *findings.diagnostics)
    return replace(loading, diagnostics=diagnostics)


def _with_sources(objects: Sequence[object]) -> dict[str, tuple[Source, object]]:
    given: dict[str, tuple[Source, object]] = {}
    for plugin in objects:
        source = given_source(plugin)
        count = 2
        while source.id in given:
            source = replace(source, id=f"{given_source(plugin).id}-{count}")
            count += 1
        given[source.id] = source, plugin
    return given
