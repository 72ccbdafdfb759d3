"""The server in a process of its own, which outlives the client."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["serve_apart"]


@contextmanager
def serve_apart(*options: str) -> Iterator[str]:
    """Run a server in a process of its own, and yield its root URL.

    Args:
        *options: What ``python -m zg_core.testing.wire`` takes.
    """
    command = (sys.executable, "-m", "zg_core.testing.wire", "--until-eof", *options)
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()  # which ends it
