"""Find what plugins offer, by name, and make it.

Nothing of a third party is imported before it must be: a qualified name needs its
own plugin; a name that is built in needs none; only a short name that is not built
in, and a list of everything, need them all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from .._isolation import contained
from .._names import nearest, plugin_id, split_qualified
from ..config import Config
from ..errors import AmbiguousNameError, ConfigError, UnknownNameError
from ..registry import Contribution, Kind, Standing
from ..settings import Settings
from .choose import named
from .diagnose import Diagnostic
from .discover import Discovery, installed
from .inventory import Inventory
from .records import PluginRecord
from .sources import BUILTIN

if TYPE_CHECKING:
    from ..events import PluginInfo

__all__ = ["PluginHost"]

_WORKING = ("active", "degraded")


class PluginHost:
    """The plugins of one engine or command; two hosts share nothing.

    Get one with `open`.
    """

    def __init__(
        self, config: Config, inventory: Inventory, on_secret: Callable[[str], None]
    ) -> None:
        self._config = config
        self._inventory = inventory
        self._on_secret = on_secret
        self._made: dict[tuple[Kind, str], object] = {}
        self._infos: dict[str, PluginInfo] = {}

    @classmethod
    def open(
        cls,
        config: Config,
        *objects: object,
        discover: bool = True,
        on_secret: Callable[[str], None] = lambda _: None,
    ) -> Self:
        """Find the installed plugins; import none of them.

        Args:
            config: Which plugins may be loaded, and their sections.
            *objects: Modules or objects with hooks, beside the installed plugins.
            discover: Whether installed plugins are looked for at all.
            on_secret: Told each secret that a plugin asks for.

        Raises:
            UnknownNameError: If a plugin that is to be loaded is not there.
            ConfigError: If the configuration is strict about plugins, for which
                all of them are loaded, and anything is wrong with any.
        """
        found = installed() if discover else Discovery()
        host = cls(config, Inventory(config, objects, found), on_secret)
        if config.plugins_strict:
            host.load_all()
            _refuse(host.diagnostics)
        return host

    # -- The plugins ---------------------------------------------------------------

    @property
    def plugins(self) -> tuple[PluginRecord, ...]:
        """All plugins as they are now: the built-in one first, then by id."""
        return tuple(self._inventory.records.values())

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """All that is known by now not to be right."""
        whose = (found for plugin in self.plugins for found in plugin.diagnostics)
        return (*self._inventory.general, *whose)

    @property
    def general_diagnostics(self) -> tuple[Diagnostic, ...]:
        """Those that are about no plugin."""
        return self._inventory.general

    def load_all(self) -> None:
        """Load every plugin that may be loaded."""
        self._inventory.need_all()

    def loaded(self) -> tuple[PluginInfo, ...]:
        """Return the plugins whose code was imported by now."""
        for plugin in self.plugins:
            if plugin.loaded and plugin.id not in self._infos:
                self._infos[plugin.id] = plugin.info()
        return tuple(self._infos[p.id] for p in self.plugins if p.loaded)

    def named(self, name: str) -> tuple[PluginRecord, ...]:
        """Return the plugins a user means by *name*, which needs not be exact.

        Raises:
            UnknownNameError: If there is none, or it is not clear which is meant.
        """
        sources = named(name, (plugin.source for plugin in self.plugins))
        return tuple(self._inventory.records[source.id] for source in sources)

    # -- What they offer -----------------------------------------------------------

    def find(self, kind: Kind, name: str, *, prefer: str = "") -> Contribution:
        """Return what a short or qualified name means; see `zg_core.registry`.

        Args:
            kind: What is wanted.
            name: Its name.
            prefer: Id of the plugin whose own thing goes first.

        Raises:
            UnknownNameError: If nothing has that name, or its plugin does not work.
            AmbiguousNameError: If things of several plugins have it.
        """
        registry = self._inventory.registry
        plugin, short = split_qualified(name)
        for first in (plugin,) if plugin else (prefer, BUILTIN):
            self._inventory.need(first)
            if found := registry.get(kind, first, short):
                return found
        if plugin:
            self._require(kind, name, plugin)
        else:
            self.load_all()
        try:
            return registry.find(kind, name)
        except AmbiguousNameError:
            raise
        except UnknownNameError as error:
            raise self._with_reasons(error) from None

    def all(self, kind: Kind) -> tuple[Contribution, ...]:
        """Return all of a kind, which loads every plugin; the built-in ones first."""
        self.load_all()
        return self._inventory.registry.all(kind)

    def builtin(self, kind: Kind) -> tuple[Contribution, ...]:
        """Return what is built in of a kind, which loads no other plugin."""
        self._inventory.need(BUILTIN)
        return tuple(c for c in self._inventory.registry.all(kind) if c.builtin)

    def standing(self, offer: Contribution) -> Standing:
        """Tell whether the short name of *offer* means it, among those loaded."""
        return self._inventory.registry.standing(offer)

    # -- What it is made into ------------------------------------------------------

    def settings(self, plugin: str) -> Settings:
        """Return a plugin's own section of the configuration."""
        values = self._config.plugins_config.get(plugin_id(plugin), {})
        return Settings(plugin, values, on_secret=self._on_secret)

    def make(self, offer: Contribution, *args: object) -> object:
        """Make what was found, once; with arguments, anew each time.

        Args:
            offer: What `find` returned.
            *args: What a factory of its kind gets: a journal's its address.

        Raises:
            PluginError: If its factory fails, or makes something else.
            ZeroGravityError: If that is what the factory raises.
        """
        from .make import make  # the contracts, which a list has no use for

        key = offer.kind, offer.qualified
        if key in self._made and not args:
            return self._made[key]
        source = self._inventory.records[offer.plugin].source
        made = make(offer, source, self.settings(offer.plugin), *args)
        return made if args else self._made.setdefault(key, made)

    async def close(self) -> None:
        """Close the providers that were made; what goes wrong in it is theirs."""
        providers = [
            made for (kind, _), made in self._made.items() if kind == "provider"
        ]
        self._made.clear()
        for provider in providers:
            await contained(_close(provider))

    # -- Why there is nothing ------------------------------------------------------

    def _require(self, kind: Kind, name: str, plugin: str) -> None:
        """Refuse a qualified name whose plugin is not there, or does not work."""
        record = self._inventory.records.get(plugin)
        if record and record.state in _WORKING:
            return
        if record is None:
            close = nearest(plugin, self._inventory.records)
            cause = f"there is no plugin {plugin!r} for the {kind} {name!r}"
            remedy = f"did you mean {close!r}?" if close else "`zg plugins` lists them"
        elif record.state == "disabled":
            cause = f"the {kind} {name!r} cannot be used: its plugin is disabled"
            remedy = f"to enable it for one command: zg -p {plugin} …"
        else:
            why = record.diagnostics[-1]
            cause = f"the {kind} {name!r} cannot be used: {why.message}"
            remedy = why.hint
        raise UnknownNameError(cause, remedy, kind=kind, name=name, plugin=plugin)

    def _with_reasons(self, error: UnknownNameError) -> UnknownNameError:
        """Return the error with the plugins that might have had what is missing."""
        ailing = [f"{p.id} is {p.state}" for p in self.plugins if p.state != "active"]
        if not ailing:
            return error
        cause = f"{error.cause} (but {', '.join(ailing)})"
        return UnknownNameError(cause, error.remedy, **error.details)


async def _close(provider: Any) -> None:
    await provider.close()  # here, so that a plain `def` is contained as well


def _refuse(diagnostics: tuple[Diagnostic, ...]) -> None:
    wrong = [found for found in diagnostics if found.severity != "info"]
    if wrong:
        count = "1 thing is" if len(wrong) == 1 else f"{len(wrong)} things are"
        raise ConfigError(
            f"`plugins.strict` allows nothing wrong with plugins, and {count}",
            "\n".join(map(str, wrong)),
            diagnostics=[found.document() for found in wrong],
        )
