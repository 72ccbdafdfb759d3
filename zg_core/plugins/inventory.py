"""The plugins of one host, each loaded when it is needed first."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace

from .._version import core_version
from ..config import Config
from ..hookspecs import API
from ..registry import Registry
from ..specs import HostInfo
from .choose import choose
from .compatibility import check_requirements
from .diagnose import Diagnostic, State, state_of
from .discover import Discovery
from .hooks import HookManager
from .load import load
from .records import PluginRecord
from .references import resolve
from .sources import BUILTIN, Source, given_source

__all__ = ["Inventory"]


class Inventory:
    """The plugins of one host.

    Args:
        config: Which of them may be loaded.
        objects: Plugins that are not installed but given. One of these takes the
            place of an installed plugin of its id, and is never disabled.
        found: The installed plugins.

    Attributes:
        registry: What the plugins offer that were loaded.
        general: What is not right, and is no plugin's.

    Raises:
        UnknownNameError: If a plugin that is to be loaded is not there.
    """

    def __init__(
        self, config: Config, objects: Sequence[object], found: Discovery
    ) -> None:
        self.registry = Registry()
        self._given = _with_sources(objects)
        self._manager = HookManager()
        self._lock = threading.RLock()
        installed = [s for s in found.sources if s.id not in self._given]
        given = [source for source, _ in self._given.values()]
        sources = sorted((*installed, *given), key=lambda s: (not s.builtin, s.id))
        choice = choose(config, sources)
        # Whose code is running; of another copy the version would mean nothing.
        core = next((s.version for s in found.sources if s.builtin and s.copy), None)
        self._info = HostInfo(core_version=core or core_version(), api=API)
        self._records = {s.id: _judged(s, found, core) for s in installed}
        for id in choice.disabled & self._records.keys():  # noqa: A001
            source = self._records[id].source
            self._records[id] = PluginRecord(source=source, state="disabled")
        self._records |= {s.id: PluginRecord(source=s) for s in given}
        self._records = {s.id: self._records[s.id] for s in sources}
        self.general: tuple[Diagnostic, ...] = (
            *(one for one in found.diagnostics if not one.plugin),
            *choice.diagnostics,
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

    def _load(self, record: PluginRecord) -> None:
        source = record.source
        tools = self.registry.all("tool")
        loading = load(
            source,
            lambda: self._fetch(source),
            self._manager,
            self._info,
            {tool.name for tool in tools if tool.builtin},
        )
        state = state_of(loading.diagnostics)
        self._records[source.id] = replace(record, state=state, loading=loading)
        self.registry.add(loading.contributions)

    def _fetch(self, source: Source) -> object:
        if source.id in self._given:
            return self._given[source.id][1]
        return resolve(source.reference)


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


def _judged(source: Source, found: Discovery, core: str | None) -> PluginRecord:
    """Return whether an installed plugin may be loaded, by what is known without."""
    findings = source.findings()
    findings.diagnostics += [
        one for one in found.diagnostics if one.plugin == source.id
    ]
    state: State = "discovered"
    if source.impostor:
        state = "untrusted"
    elif core and not check_requirements(source, core, findings):
        state = "incompatible"
    return PluginRecord(source=source, state=state, noted=tuple(findings.diagnostics))
