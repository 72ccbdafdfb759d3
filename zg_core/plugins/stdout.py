"""Keep standard output clean while code of plugins runs.

What ``zg --json`` writes must be one document, whatever a plugin prints when it
is imported. Replacing `sys.stdout` is not enough: `os.write` and child processes
write to descriptor 1. So both point at standard error for that time; they belong
to the process, so other threads' output goes there too.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator

__all__ = ["stdout_to_stderr"]

_lock = threading.Lock()
_inside = 0
_undo = contextlib.ExitStack()


@contextlib.contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """Send what is written to standard output to standard error.

    Threads may be inside at once; the last one out puts things back.
    """
    global _inside
    with _lock:
        if not _inside:
            _redirect(_undo)
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                _undo.close()


def _redirect(undo: contextlib.ExitStack) -> None:
    _flush()
    # A process without standard streams (a daemon, a window) has no descriptors
    # to move.
    with contextlib.suppress(OSError):
        kept = os.dup(1)
        undo.callback(os.close, kept)
        os.dup2(2, 1)
        undo.callback(os.dup2, kept, 1)
    # What is printed goes into the buffer of `sys.__stdout__` if somebody kept
    # it; empty it while descriptor 1 still points away.
    undo.callback(_flush)
    undo.enter_context(contextlib.redirect_stdout(sys.stderr))


def _flush() -> None:
    if sys.__stdout__ is not None:
        with contextlib.suppress(OSError, ValueError):
            sys.__stdout__.flush()
