"""Named things, who offers them, and which one a name means.

A name means, in this order: the thing of the plugin it is qualified with
(``"zg-words:count"``); the one of the plugin that asks; what the user put in its
place; the built-in one; the only one there is. Otherwise it is ambiguous and means
nothing. So installing a plugin adds names, and takes none away from what is built
in, qualified or the user's word.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

from ._names import nearest, split_qualified
from .errors import AmbiguousNameError, ConfigError, UnknownNameError
from .specs import Spec

__all__ = ["LISTED", "Contribution", "Kind", "Registry", "Standing"]

Kind: TypeAlias = Literal[
    "agent",
    "tool",
    "provider",
    "classifier",
    "exporter",
    "guardrail",
    "workflow",
    "journal",
    "runtime",
    "command",
]

Standing: TypeAlias = Literal[
    "active", "override", "overridden", "shadowed", "ambiguous"
]
"""Whether a short name means the thing: yes; yes, by the user's word; no, another one
by the user's word; no, a built-in one; no, nothing."""

LISTED: tuple[Kind, ...] = (
    "agent",
    "tool",
    "provider",
    "classifier",
    "exporter",
    "guardrail",
    "workflow",
    "runtime",
)
"""Kinds that ``zg`` lists, each with a command of its plural's name."""


@dataclass(frozen=True, slots=True)
class Contribution:
    """One thing that a plugin offers.

    Attributes:
        kind: What it is.
        spec: What the plugin says of it.
        plugin: The plugin's id.
        builtin: Whether it came with ZeroGravity.
    """

    kind: Kind
    spec: Spec
    plugin: str
    builtin: bool = False

    @property
    def name(self) -> str:
        """Its short name."""
        return self.spec.name

    @property
    def qualified(self) -> str:
        """Its whole name, which nothing else has: ``"zg-words:count"``."""
        return f"{self.plugin}:{self.spec.name}"


class Registry:
    """Everything that is offered, however and in whichever order it was added.

    Args:
        contributions: What is offered.
        overrides: What the user put in the place of something else: qualified names
            by ``"kind:name"``.

    Attributes:
        changes: Grows with each change to what is offered.
    """

    def __init__(
        self,
        contributions: Iterable[Contribution] = (),
        overrides: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._offers: dict[tuple[Kind, str, str], Contribution] = {}
        self._named: dict[tuple[Kind, str], dict[str, Contribution]] = {}
        self._overrides = overrides
        self._sorted: dict[Kind, tuple[Contribution, ...]] = {}
        self._builtin: dict[Kind, tuple[Contribution, ...]] = {}
        self.changes = 0
        self.add(contributions)

    def add(self, contributions: Iterable[Contribution]) -> None:
        """Add what plugins offer; each plugin offers a name once per kind."""
        self._changed()
        for offer in contributions:
            self._offers[offer.kind, offer.plugin, offer.name] = offer
            self._named.setdefault((offer.kind, offer.name), {})[offer.plugin] = offer

    def drop(self, plugin: str) -> None:
        """Forget what a plugin offers."""
        self._changed()
        for kind, whose, name in tuple(self._offers):
            if whose == plugin:
                del self._offers[kind, plugin, name], self._named[kind, name][plugin]

    def _changed(self) -> None:
        self.changes += 1
        self._sorted.clear()
        self._builtin.clear()

    def get(self, kind: Kind, plugin: str, name: str) -> Contribution | None:
        """Return what one plugin offers by that short name."""
        return self._offers.get((kind, plugin, name))

    def all(self, kind: Kind) -> tuple[Contribution, ...]:
        """Return all of a kind: the built-in ones, then by plugin, as offered."""
        known = self._sorted.get(kind)
        if known is None:
            offers = (offer for offer in self._offers.values() if offer.kind == kind)
            known = tuple(sorted(offers, key=lambda o: (not o.builtin, o.plugin)))
            self._sorted[kind] = known
        return known

    def builtin(self, kind: Kind) -> tuple[Contribution, ...]:
        """Return what is built in of a kind, as offered."""
        known = self._builtin.get(kind)
        if known is None:
            known = tuple(offer for offer in self.all(kind) if offer.builtin)
            self._builtin[kind] = known
        return known

    def override(self, kind: Kind, name: str) -> str | None:
        """Return the qualified name that the user put in the place of a short one."""
        return self._overrides.get(f"{kind}:{name}")

    def settled(
        self, kind: Kind, name: str, *, prefer: str = ""
    ) -> Contribution | None:
        """Return what a name means whatever else is offered; `None` if that matters.

        Args:
            kind: What is wanted.
            name: Its short or qualified name.
            prefer: Id of the plugin whose own thing goes first.
        """
        plugin, short = split_qualified(name)
        if plugin:
            return self.get(kind, plugin, short)
        own = self.get(kind, prefer, short)
        if own and not own.builtin:
            return own
        if target := self.override(kind, short):
            return self.get(kind, *split_qualified(target))
        return next((o for o in self._same(kind, short) if o.builtin), None)

    def find(self, kind: Kind, name: str, *, prefer: str = "") -> Contribution:
        """Return what a short or qualified name means.

        Args:
            kind: What is wanted.
            name: Its name.
            prefer: Id of the plugin whose own thing goes first.

        Raises:
            UnknownNameError: If nothing has that name.
            AmbiguousNameError: If several plugins' things have it.
            ConfigError: If there is nothing of what the user put in its place.
        """
        if found := self.settled(kind, name, prefer=prefer):
            return found
        plugin, short = split_qualified(name)
        if plugin:
            raise self._unknown(kind, name)
        if target := self.override(kind, short):
            error = self._unknown(kind, target)
            raise ConfigError(
                f"overrides.{kind}s.{short} cannot be used: {error.cause}",
                error.remedy,
                **error.details,
            )
        offers = sorted(self._same(kind, short), key=lambda offer: offer.plugin)
        if not offers:
            raise self._unknown(kind, name)
        if len(offers) > 1:
            raise _ambiguous(kind, name, [offer.qualified for offer in offers])
        return offers[0]

    def _same(self, kind: Kind, short: str) -> Collection[Contribution]:
        """Return what plugins offer by one short name."""
        return self._named.get((kind, short), {}).values()

    def standing(self, offer: Contribution) -> Standing:
        """Tell whether the short name of *offer* means it."""
        prefix = f"{offer.kind}:"
        if any(
            target == offer.qualified and key.startswith(prefix)
            for key, target in self._overrides.items()
        ):
            return "override"
        if self.override(offer.kind, offer.name):
            return "overridden"
        same = self._same(offer.kind, offer.name)
        others = [other for other in same if other.plugin != offer.plugin]
        if offer.builtin or not others:
            return "active"
        return "shadowed" if any(o.builtin for o in others) else "ambiguous"

    def _unknown(self, kind: Kind, name: str) -> UnknownNameError:
        offers = self.all(kind)
        known = [o.qualified if ":" in name else o.name for o in offers]
        listing = f"zg {kind}s" if kind in LISTED else "zg plugins"
        close = nearest(name, known)
        return UnknownNameError(
            f"there is no {kind} named {name!r}",
            f"did you mean {close!r}?" if close else f"`{listing}` lists what there is",
            kind=kind,
            name=name,
            did_you_mean=close,
        )


def _ambiguous(kind: Kind, name: str, offers: list[str]) -> AmbiguousNameError:
    return AmbiguousNameError(
        f"{len(offers)} plugins offer the {kind} {name!r}: {', '.join(offers)}",
        "write which one you mean, with its plugin",
        kind=kind,
        name=name,
        offers=offers,
    )
