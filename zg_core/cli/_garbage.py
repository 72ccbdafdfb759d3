"""Garbage is collected seldom while a command works, and not when it ends."""

from __future__ import annotations

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["seldom_collected"]

_OBJECTS = 50_000
"""How many more objects there must be before some are looked at.

Python looks at every 700. Importing makes hundreds of thousands of objects, all of
which stay, and looking at them again and again is a fifth of a short command.
"""


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Have garbage collected seldom within the block.

    And not when the process ends: Python would look once more at all that was
    imported, which takes a fifth of a short command, and gives back what the system
    takes back anyway.
    """
    atexit.register(gc.freeze)
    before = gc.get_threshold()
    gc.set_threshold(_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
