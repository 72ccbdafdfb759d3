"""Take a lone error out of the exception group a task group wraps it in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["lone_errors"]


@contextmanager
def lone_errors() -> Iterator[None]:
    """Raise the error inside a group of one, so that ``except`` finds it."""
    try:
        yield
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        if error is group:
            raise
        raise error from error.__cause__
