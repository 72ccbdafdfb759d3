"""What names may look like, and which one was probably meant."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable

__all__ = [
    "clean_description",
    "is_name",
    "local_name",
    "nearest",
    "new_run_id",
    "plugin_id",
    "plugin_key",
    "split_qualified",
    "valid_run_id",
    "writable",
]

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
)


def is_name(text: object) -> bool:
    """Tell whether *text* may name a contribution of a plugin."""
    return isinstance(text, str) and _NAME.fullmatch(text) is not None


def plugin_id(distribution: str) -> str:
    """Normalise a distribution's name as PEP 503 does: ``Zg_Words`` → ``zg-words``."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def plugin_key(name: str) -> str:
    """Normalise the id of a plugin as a user writes it, but for the dot in it.

    The dot tells a further plugin of a distribution (``zg-words.extra``) from another
    distribution of nearly that name, which somebody else may own.
    """
    return re.sub(r"[-_]+", "-", name).lower()


def split_qualified(name: str) -> tuple[str, str]:
    """Split ``"plugin:thing"``; an unqualified name has an empty plugin."""
    plugin, colon, thing = name.partition(":")
    return (plugin, thing) if colon else ("", name)


def local_name(name: str) -> str:
    """Return the part of a name after the plugin's: ``builtin:solo`` → ``solo``."""
    return name.rpartition(":")[2]


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that was probably meant, if one is close enough."""
    import difflib

    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return close[0] if close else None


def clean_description(text: str) -> str:
    """Strip what a terminal or a model should not see, and cap the length at 1,024."""
    return writable(_INVISIBLE.sub(" ", text)[:1024].strip())


def writable(text: str) -> str:
    """Return a text that can be written as UTF-8: half a surrogate pair is a ``?``."""
    return text.encode("utf-8", "replace").decode()


def valid_run_id(run_id: str) -> bool:
    """Tell whether *run_id* may name a run."""
    return _RUN_ID.fullmatch(run_id) is not None


def new_run_id() -> str:
    """Make the id of a new run: ``run_`` and a UUIDv7 (RFC 9562, §5.7) in hex.

    Such ids sort by the time they were made.
    """
    stamp = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10)) >> 6
    value = (stamp & (1 << 48) - 1) << 80 | 7 << 76 | (random >> 62) << 64
    return f"run_{value | 0b10 << 62 | random & (1 << 62) - 1:032x}"
