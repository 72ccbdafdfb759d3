"""Events and what they are made of, for laws that hold for all of them."""

from __future__ import annotations

from hypothesis import settings

from zg_core.testing._strategies import (
    KINDS,
    json_objects,
    json_values,
    names,
    records,
    texts,
)

__all__ = [
    "KINDS",
    "json_objects",
    "json_values",
    "names",
    "records",
    "texts",
    "unhurried",
]

unhurried = settings(deadline=None)
"""For laws whose first example is slow, or that share a machine with others."""
