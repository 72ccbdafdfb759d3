"""Names of tools as models may be shown them, and back."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable

from ._names import split_qualified

__all__ = ["wire_names"]

_LONGEST = 64


def wire_names(qualified: Iterable[str]) -> dict[str, str]:
    """Give each qualified name a wire name that no other of them has.

    Providers accept ``^[a-zA-Z0-9_-]{1,64}$``, which leaves no room for the
    colon. The short name serves where it is unique, else ``plugin__name``; what
    is too long, or meets another all the same, ends in a digest of the whole.

    Returns:
        The wire name of each qualified name.
    """
    names = list(dict.fromkeys(qualified))
    short = Counter(split_qualified(name)[1] for name in names)
    wished = {name: _wish(name, short) for name in names}
    count = Counter(wished.values())
    given = {
        name: wish if count[wish] == 1 and len(wish) <= _LONGEST else _cut(wish, name)
        for name, wish in wished.items()
    }
    if len(set(given.values())) < len(given):  # a name that looks like a digest
        return {name: f"t_{_digest(name)[:60]}" for name in names}
    return given


def _wish(name: str, short: Counter[str]) -> str:
    plugin, thing = split_qualified(name)
    return thing if short[thing] == 1 else f"{plugin}__{thing}".replace(".", "_")


def _cut(wish: str, name: str) -> str:
    return f"{wish[: _LONGEST - 9]}_{_digest(name)[:8]}"


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
