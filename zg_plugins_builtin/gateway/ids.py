"""Ids: a prefix that says of what, and a UUIDv7 (RFC 9562, §5.7) in hex."""

from __future__ import annotations

import os
from datetime import datetime
from threading import Lock

__all__ = ["new_id"]

_RANDOM_BITS = 74
_STEP_BYTES = 5
_lock = Lock()
_last = (0, 0)
"""The millisecond and the chance of the id that was made last."""


def new_id(prefix: str, now: datetime) -> str:
    """Make an id, like ``usr_0190…``.

    Ids sort by the millisecond they were made, and those of one process that were made
    in the same one by which was first.

    Args:
        prefix: What it is an id of, in three or four letters.
        now: The time.
    """
    stamp = int(now.timestamp() * 1000) & (1 << 48) - 1
    random = _chance(stamp)
    value = stamp << 80 | 7 << 76 | (random >> 62) << 64
    return f"{prefix}_{value | 0b10 << 62 | random & (1 << 62) - 1:032x}"


def _chance(stamp: int) -> int:
    """Return the random part; a little more than the last in the same millisecond."""
    global _last  # the order is that of the process
    with _lock:
        before, random = _last
        if stamp == before:
            random += int.from_bytes(os.urandom(_STEP_BYTES)) + 1
        if stamp != before or random >> _RANDOM_BITS:
            random = int.from_bytes(os.urandom(10)) >> 6
        _last = stamp, random
        return random
