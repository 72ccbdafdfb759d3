"""Named things, who offers them, and which one a name means.

A name means, in this order: the thing of the plugin it is qualified with
(``"zg-words:count"``); the one of the plugin that asks; the built-in one; the only
one there is. Otherwise it is ambiguous and means nothing. So installing a plugin
adds names, and takes none away from what is built in.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ._names import nearest, split_qualified
from .errors import AmbiguousNameError, UnknownNameError
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

Standing: TypeAlias = Literal["active", "shadowed", "ambiguous"]
"""Whether a short name means the thing: yes; no, a built-in one; no, nothing."""

LISTED: tuple[Kind, ...] = (
    "agent",
    "tool",
    "provider",
    "classifier",
    "exporter",
    "guardrail",
    "workflow",
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
    """Everything that is offered, however and in whichever order it was added."""

    def __init__(self, contributions: Iterable[Contribution] = ()) -> None:
        self._offers: dict[tuple[Kind, str, str], Contribution] = {}
        self.add(contributions)

    def add(self, contributions: Iterable[Contribution]) -> None:
        """Add what plugins offer; each plugin offers a name once per kind."""
        for offer in contributions:
            self._offers[offer.kind, offer.plugin, offer.name] = offer

    def get(self, kind: Kind, plugin: str, name: str) -> Contribution | None:
        """Return what one plugin offers by that short name."""
        return self._offers.get((kind, plugin, name))

    def all(self, kind: Kind) -> tuple[Contribution, ...]:
        """Return all of a kind: the built-in ones, then by plugin, as offered."""
        offers = (offer for offer in self._offers.values() if offer.kind == kind)
        return tuple(sorted(offers, key=lambda o: (not o.builtin, o.plugin)))

    def find(self, kind: Kind, name: str, *, prefer: str = "") -> Contribution:
        """Return what a short or qualified name means.

        Args:
            kind: What is wanted.
            name: Its name.
            prefer: Id of the plugin whose own thing goes first.

        Raises:
            UnknownNameError: If nothing has that name.
            AmbiguousNameError: If several plugins' things have it.
        """
        plugin, short = split_qualified(name)
        if plugin:
            if found := self.get(kind, plugin, short):
                return found
            raise self._unknown(kind, name)
        if own := self.get(kind, prefer, short):
            return own
        offers = [offer for offer in self.all(kind) if offer.name == short]
        if not offers:
            raise self._unknown(kind, name)
        if offers[0].builtin or len(offers) == 1:
            return offers[0]
        raise _ambiguous(kind, name, [offer.qualified for offer in offers])

    def standing(self, offer: Contribution) -> Standing:
        """Tell whether the short name of *offer* means it."""
        others = [
            other
            for other in self.all(offer.kind)
            if other.name == offer.name and other.plugin != offer.plugin
        ]
        if offer.builtin or not others:
            return "active"
        return "shadowed" if others[0].builtin else "ambiguous"

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
