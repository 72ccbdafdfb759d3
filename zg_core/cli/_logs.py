"""Send what libraries log to standard error, while a command runs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

__all__ = ["logging_to"]


@contextmanager
def logging_to(stream: TextIO, *, debug: bool) -> Iterator[None]:
    """Log to *stream*: all that is logged, or errors alone.

    What else is worth knowing is an event of the run, and shown as such.
    """
    handler = logging.StreamHandler(stream)
    handler.setLevel(logging.DEBUG if debug else logging.ERROR)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    if debug:
        root.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
