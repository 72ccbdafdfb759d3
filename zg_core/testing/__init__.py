"""Doubles and checks for those who test plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazy_names

if TYPE_CHECKING:
    from ._journals import JournalConformance
    from ._scripted import ScriptedProvider, call
    from .wire import Fault, WireAnswer, WireRequest, WireServer, serve_apart

__all__ = [
    "Fault",
    "JournalConformance",
    "ScriptedProvider",
    "WireAnswer",
    "WireRequest",
    "WireServer",
    "call",
    "serve_apart",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "._journals": ("JournalConformance",),
        "._scripted": ("ScriptedProvider", "call"),
        ".wire": ("Fault", "WireAnswer", "WireRequest", "WireServer", "serve_apart"),
    },
)
