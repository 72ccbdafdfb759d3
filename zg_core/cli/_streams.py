"""Keep standard output for the command alone."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import TextIO

from zg_core._secrets import Secrets

__all__ = ["StreamError", "own_streams"]


class StreamError(OSError):
    """A standard stream takes no more: its disk is full, or its reader is gone."""


class _Redacting(io.TextIOWrapper):
    """A stream that no secret passes."""

    def __init__(self, descriptor: int, secrets: Secrets, encoding: str) -> None:
        # What the terminal has no character for is better escaped than an error.
        super().__init__(
            os.fdopen(descriptor, "wb"),
            encoding=encoding,
            errors="backslashreplace",
            line_buffering=True,
        )
        self._secrets = secrets

    def write(self, text: str) -> int:
        with _stream_errors():
            super().write(self._secrets.redact(text))
        return len(text)

    def flush(self) -> None:
        with _stream_errors():
            super().flush()


@contextlib.contextmanager
def _stream_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StreamError(error.errno, error.strerror) from error


@contextlib.contextmanager
def own_streams(secrets: Secrets) -> Iterator[tuple[TextIO, TextIO]]:
    """Yield the real standard output, and standard error; others get only the latter.

    Until the end, descriptor 1 points to standard error, for Python and for every
    library and child process: a plugin that prints cannot spoil a JSON document.
    """
    before = sys.stdout, sys.stderr
    for stream in filter(None, before):
        stream.flush()
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    saved = _duplicate(1)
    stdout = _Redacting(_duplicate(1), secrets, encoding)
    stderr = _Redacting(_duplicate(2), secrets, encoding)
    os.dup2(stderr.fileno(), 1)
    sys.stdout, sys.stderr = stderr, stderr
    try:
        yield stdout, stderr
    finally:
        sys.stdout, sys.stderr = before
        for stream in (stdout, stderr):
            # What it does not take has been said already.
            with contextlib.suppress(OSError):
                stream.close()
        os.dup2(saved, 1)
        os.close(saved)


def _duplicate(descriptor: int) -> int:
    try:
        return os.dup(descriptor)
    except OSError:  # it was closed before we began
        return os.open(os.devnull, os.O_WRONLY)
