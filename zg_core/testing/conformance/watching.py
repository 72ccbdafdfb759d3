"""See what code does outside of the process, while it has no network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from ...plugins.trial.watch import Watch

__all__ = ["watched"]

_the_only = cache(Watch)  # Python forgets none of them


@contextmanager
def watched() -> Iterator[Watch]:
    """Refuse the network, and note that and other effects, until the block ends."""
    watch = _the_only()
    watch.effects.clear()
    watch.network.clear()
    with watch:
        yield watch
