"""Take errors out of the exception group a task group wraps them in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["ungrouped"]


@contextmanager
def ungrouped() -> Iterator[None]:
    """Raise the first error of a group, so that ``except`` finds it.

    Others of the same moment are in its notes. A group with an error that nobody
    is prepared for, one that is no `Exception`, is raised as it is.
    """
    try:
        yield
    except ExceptionGroup as group:
        first, *others = _leaves(group)
        for other in others:
            first.add_note(f"at the same time: {type(other).__name__}: {other}")
        raise first from first.__cause__


def _leaves(group: ExceptionGroup[Exception]) -> Iterator[Exception]:
    for error in group.exceptions:
        if isinstance(error, ExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
