"""Find what plugins offer, by name, and make it.

Nothing of a third party is imported before it must be: a qualified name needs its
own plugin; a name that is built in needs none. Any other short name, and a list of
everything, need those that have no manifest; to use a thing its own is needed, too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import islice
from typing import TYPE_CHECKING, Any, Self

from .._names import clean_description, nearest, split_qualified
from ..config import Config
from ..errors import AmbiguousNameError, ConfigError, UnknownNameError
from ..registry import LISTED, Contribution, Kind, Standing
from ..settings import Settings
from .diagnose import Diagnostic, Findings
from .finding.choose import named
from .finding.discover import BUILTIN_ALONE, Discovery, installed
from .finding.local import with_files
from .finding.sources import BUILTIN
from .inventory import Inventory
from .records import PluginRecord

if TYPE_CHECKING:
    from pluggy import HookImpl

    from ..events import PluginInfo

__all__ = ["PluginHost"]

_WORKING = ("active", "degraded")
_MOST_NOTED = 100
"""Of what goes wrong while something is done; a host may live for months."""


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
        self._found: dict[tuple[Kind, str, str], tuple[int, Contribution]] = {}
        self._made: dict[tuple[Kind, str], object] = {}
        self._infos: dict[str, PluginInfo] = {}
        self._noted: list[Diagnostic] = []
        self._shut = False

    @classmethod
    def open(
        cls,
        config: Config,
        *objects: object,
        discover: bool | Collection[str] = True,
        on_secret: Callable[[str], None] = lambda _: None,
        lenient: bool = False,
    ) -> Self:
        """Find the installed plugins; import none of them.

        Args:
            config: Which plugins may be loaded, and their sections.
            *objects: Modules or objects with hooks, beside the installed plugins.
            discover: Whether installed plugins are looked for at all; or what those
                are called, beside the built-in one, that alone are.
            on_secret: Told each secret that a plugin asks for.
            lenient: Whether what is wrong is noted only, so that one can look at it.

        Raises:
            UnknownNameError: If a plugin that is to be loaded is not there.
            ConfigError: If plugins are locked, and one is not what was locked, or
                the lock cannot be read; or if the configuration is strict about
                plugins, for which all of them are loaded, and anything is wrong
                with any.
        """
        only = None if isinstance(discover, bool) else discover
        found = Discovery()
        if discover is not False:
            found = with_files(installed(only), config)
        inventory = Inventory(config, objects, found, lenient=lenient)
        host = cls(config, inventory, on_secret)
        if not lenient:
            host._refuse()
        return host

    @classmethod
    def of_builtin(cls) -> Self:
        """Return a host of the built-in plugin alone, without looking for others."""
        config = Config()
        return cls(config, Inventory(config, (), BUILTIN_ALONE), lambda _: None)

    # -- The plugins ---------------------------------------------------------------

    @property
    def plugins(self) -> tuple[PluginRecord, ...]:
        """All plugins as they are now: the built-in one first, then by id."""
        return tuple(self._inventory.records.values())

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """All that is known by now not to be right."""
        whose = (found for plugin in self.plugins for found in plugin.diagnostics)
        return (*self._inventory.general, *whose, *self._noted)

    @property
    def general_diagnostics(self) -> tuple[Diagnostic, ...]:
        """Those that are about no plugin."""
        return self._inventory.general

    def load_all(self) -> None:
        """Load every plugin that may be loaded."""
        self._inventory.need_all()

    def load(self, *plugins: str) -> None:
        """Load plugins by their ids, of those that may be loaded."""
        self._inventory.need(*plugins)

    def load_unlisted(self) -> None:
        """Load every plugin that must be loaded to know what it offers."""
        self._inventory.need_to_know()

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

    def hooks(self, plugin: str) -> tuple[tuple[str, HookImpl], ...]:
        """Return a plugin's hooks by name, which loads it if it may be loaded."""
        self._inventory.need(plugin)
        record = self._inventory.records.get(plugin)
        return record.loading.hooks if record and record.loading else ()

    def note(
        self, code: str, message: str, hint: str = "", *, plugin: str = ""
    ) -> None:
        """Note, once, what turned out not to be right while something was done."""
        record = self._inventory.records.get(plugin)
        findings = record.source.findings() if record else Findings()
        findings.add(code, message, hint)
        new = (found for found in findings.diagnostics if found not in self._noted)
        self._noted += islice(new, _MOST_NOTED - len(self._noted))

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
            ConfigError: If what the user put in its place cannot be used.
        """
        asked, registry = (kind, name, prefer), self._inventory.registry
        known = self._found.get(asked)
        if known is None or known[0] != registry.changes:
            found = self._looked_up(kind, name, prefer)
            known = self._found[asked] = registry.changes, found
        return self._used(known[1])

    def _looked_up(self, kind: Kind, name: str, prefer: str) -> Contribution:
        registry = self._inventory.registry
        plugin, short = split_qualified(name)
        target = None if plugin else registry.override(kind, short)
        instead = split_qualified(target)[0] if target else BUILTIN
        for needed in (plugin,) if plugin else (prefer, instead):
            self._inventory.need(needed)
            found = registry.settled(kind, name, prefer=prefer)
            if found and found.plugin == needed:
                return found
        if plugin:
            self._require(kind, name, plugin)
        elif target:
            self._require_override(kind, short, target)
        else:
            self._inventory.need_to_know(kind, short)
        try:
            return registry.find(kind, name)
        except AmbiguousNameError:
            raise
        except UnknownNameError as error:
            raise self._with_reasons(error) from None

    def all(self, kind: Kind) -> tuple[Contribution, ...]:
        """Return all of a kind, the built-in ones first.

        This loads the plugins without a manifest. What the others offer is here to be
        shown; `find` returns what can be made.
        """
        self.load_unlisted()
        return self._inventory.registry.all(kind)

    def known(self, kind: Kind) -> tuple[Contribution, ...]:
        """Return what is known of a kind, which loads the built-in plugin at most."""
        self._inventory.need(BUILTIN)
        return self._inventory.registry.all(kind)

    def unavailable(self, kind: Kind) -> tuple[tuple[Contribution, PluginRecord], ...]:
        """Return what plugins that do not work say they offer, each with its plugin."""
        return tuple(
            (offer, plugin)
            for plugin in self.plugins
            if plugin.state not in (*_WORKING, "discovered") and plugin.manifest
            for offer in plugin.manifest.contributions
            if offer.kind == kind
        )

    def builtin(self, kind: Kind) -> tuple[Contribution, ...]:
        """Return what is built in of a kind, which loads no other plugin."""
        self._inventory.need(BUILTIN)
        return self._inventory.registry.builtin(kind)

    def _used(self, offer: Contribution) -> Contribution:
        """Return what was found, and note it if nobody should use it any more."""
        if offer.spec.deprecated is not None:
            instead = clean_description(offer.spec.deprecated)
            self.note(
                "ZG231",
                f"the {offer.kind} {offer.name!r} is deprecated: {instead}",
                f"`zg {offer.kind}s` lists what there is"
                if offer.kind in LISTED
                else "",
                plugin=offer.plugin,
            )
        return offer

    def standing(self, offer: Contribution) -> Standing:
        """Tell whether the short name of *offer* means it, as far as is known."""
        return self._inventory.registry.standing(offer)

    # -- What it is made into ------------------------------------------------------

    def settings(self, plugin: str) -> Settings:
        """Return a plugin's own section of the configuration."""
        values = self._config.plugins_config.get(plugin, {})
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

    @property
    def holds(self) -> bool:
        """Whether there is anything that must be closed."""
        return bool(self._shutdowns()) or any(
            kind == "provider" for kind, _ in self._made
        )

    async def close(self) -> None:
        """Close the providers that were made, and let the plugins let go.

        What goes wrong in it is theirs, and what hangs is not waited for.
        """
        from .shutdown import at_once, shut_down  # asyncio: no list has a use for it

        providers = [
            made for (kind, _), made in self._made.items() if kind == "provider"
        ]
        self._made.clear()
        await at_once(map(_close, providers))
        hooks, self._shut = self._shutdowns(), True
        await shut_down(hooks, self._inventory.info)

    def _shutdowns(self) -> list[HookImpl]:
        if self._shut:
            return []
        hooks = [h for p in self.plugins if p.loading for h in p.loading.hooks]
        return [called for name, called in hooks if name == "zg_shutdown"]

    # -- Why there is nothing ------------------------------------------------------

    def _refuse(self) -> None:
        """Refuse to go on with plugins that are not as the user insists they are.

        Raises:
            ConfigError: If there is any.
        """
        unlocked = [found for found in self.diagnostics if found.code == "ZG142"]
        if unlocked:
            raise _refused("plugins are locked", "not what was locked", unlocked)
        if self._config.plugins_strict:
            self.load_all()
            wrong = [found for found in self.diagnostics if found.severity != "info"]
            if wrong:
                raise _refused("`plugins.strict` holds", "wrong with plugins", wrong)

    def _require_override(self, kind: Kind, name: str, target: str) -> None:
        """Refuse what the user put in the place of something, if it is not there.

        Raises:
            ConfigError: Never is the thing itself used instead, unasked.
        """
        try:
            self._require(kind, target, split_qualified(target)[0])
            self._inventory.registry.find(kind, target)
        except UnknownNameError as error:
            key = f"overrides.{kind}s.{name}"
            raise ConfigError(
                f"{key} ({self._config.origin(key)}): {error.cause}",
                error.remedy,
                **error.details,
            ) from error

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
        well = ("active", "discovered")
        ailing = [f"{p.id} is {p.state}" for p in self.plugins if p.state not in well]
        if not ailing:
            return error
        cause = f"{error.cause} (but {', '.join(ailing)})"
        return UnknownNameError(cause, error.remedy, **error.details)


def _refused(rule: str, broken: str, found: list[Diagnostic]) -> ConfigError:
    count = "1 thing is" if len(found) == 1 else f"{len(found)} things are"
    return ConfigError(
        f"{rule}, and {count} {broken}",
        "\n".join(map(str, found)),
        diagnostics=[each.document() for each in found],
    )


async def _close(provider: Any) -> None:
    await provider.close()  # here, so that what a plain `def` raises is contained
