"""Doubles and checks for those who test plugins."""

from __future__ import annotations

from .._lazy import lazy_names

__all__ = ["JournalConformance", "ScriptedProvider", "WireServer", "call"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "._journals": ("JournalConformance",),
        "._scripted": ("ScriptedProvider", "call"),
        ".wire": ("WireServer",),
    },
)
