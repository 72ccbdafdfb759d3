"""Say what a new plugin and its parts are called, or why they cannot be."""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Collection
from dataclasses import dataclass

from .._names import is_name, plugin_id
from ..errors import InputError

__all__ = ["Names", "is_distribution", "names_of"]

# https://packaging.python.org/en/latest/specifications/name-normalization/
_DISTRIBUTION = re.compile(r"[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9._-]*[A-Za-z0-9]")
_LONGEST = 50
_PREFIX = "zg-"
_RESERVED = frozenset(
    {"builtin", "core", "plugin", "plugins", "plugins-builtin", "zerogravity", "zg"}
)
_KEYWORDS = frozenset(word.lower() for word in keyword.kwlist)
_MODULES = frozenset(name.lower() for name in sys.stdlib_module_names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What a plugin and its parts are called.

    Attributes:
        thing: What it offers: ``rain-radar``.
        distribution: The distribution, the plugin and its folder: ``zg-rain-radar``.
        package: The package: ``zg_rain_radar``.
        title: The beginning of its classes' names: ``RainRadar``.
    """

    thing: str
    distribution: str
    package: str
    title: str


def is_distribution(name: str) -> bool:
    """Tell whether a distribution may have that name (PEP 508)."""
    return _DISTRIBUTION.fullmatch(name) is not None


def names_of(given: str, taken: Collection[str] = ()) -> Names:
    """Return the names of a plugin: ``rain-radar`` and ``Zg_Rain.Radar`` are the same.

    Args:
        given: What it is to be called, with or without ``zg-`` before it.
        taken: Short names that are built in, which would keep their meaning.

    Raises:
        InputError: If it cannot be called so.
    """
    if "/" in given or "\\" in given:
        raise _refused(given, "is a path", "give the folder of it as --dir")
    if not is_distribution(given):
        raise _refused(
            given,
            "is no name of a package",
            "use letters, digits, '-', '_' and '.', a letter or digit at both ends",
        )
    thing = plugin_id(given).removeprefix(_PREFIX)
    distribution, word = f"{_PREFIX}{thing}", thing.replace("-", "_")
    if len(distribution) > _LONGEST:
        why = f"makes a name of {len(distribution)} characters"
        raise _refused(given, why, f"use {_LONGEST} at most, of which 'zg-' is 3")
    if not is_name(thing):
        raise _refused(given, "begins with no letter", "begin with one, after 'zg-'")
    if why := _meaning(thing, word, taken):
        raise _refused(given, why, f"say more, as in '{thing}-search'")
    return Names(
        thing=thing,
        distribution=distribution,
        package=f"zg_{word}",
        title="".join(part.capitalize() for part in thing.split("-")),
    )


def _meaning(thing: str, word: str, taken: Collection[str]) -> str:
    """Return what a name means already; empty if it is free."""
    if word in _KEYWORDS:
        return "is a word of Python"
    if word in _MODULES:
        return "is a module of Python"
    if thing in _RESERVED:
        return "is ZeroGravity's own"
    return "is built in, and would go on to mean that" if thing in taken else ""


def _refused(given: str, why: str, remedy: str) -> InputError:
    return InputError(f"a plugin cannot be called {given!r}: it {why}", remedy)
