"""Several processes that answer at one address, and one that looks after them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import zg_core as zg

__all__ = ["inherited_socket", "supervise"]

_VARIABLE = "_ZG_SERVE_SOCKET"
_SHUTDOWN_SECONDS = 20.0
_POLL_SECONDS = 0.2
_RESTART_SECONDS = 1.0


def inherited_socket() -> socket.socket | None:
    """Return the socket that another process listens on, if it started this one."""
    number = os.environ.pop(_VARIABLE, None)
    return None if number is None else socket.socket(fileno=int(number))


def supervise(listening: socket.socket, workers: int) -> None:
    """Let processes answer until SIGTERM or SIGINT, and put another for one that ends.

    Args:
        listening: The socket that requests come from.
        workers: How many processes.

    Raises:
        ConfigError: If the platform hands no sockets on.
    """
    if sys.platform == "win32":
        raise zg.ConfigError(
            "several workers cannot share a port on this platform", "use one"
        )
    with _until_signalled() as ending:
        going = [_started(listening) for _ in range(workers)]
        try:
            while not ending:
                time.sleep(_POLL_SECONDS)
                going = [_replaced(one, listening) for one in going]
        finally:
            _end(going)


@contextmanager
def _until_signalled() -> Iterator[list[int]]:
    """Yield the signals that came; the process goes on for now."""
    came: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {n: signal.signal(n, lambda s, _: came.append(s)) for n in numbers}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _started(listening: socket.socket) -> subprocess.Popen[bytes]:
    number = listening.fileno()
    return subprocess.Popen(
        [sys.executable, "-m", "zg_core.cli", *sys.argv[1:]],
        pass_fds=[number],
        env={**os.environ, _VARIABLE: str(number)},
        stdin=subprocess.DEVNULL,
    )


def _replaced(
    worker: subprocess.Popen[bytes], listening: socket.socket
) -> subprocess.Popen[bytes]:
    if worker.poll() is None:
        return worker
    time.sleep(_RESTART_SECONDS)  # what cannot start is not tried all the time
    return _started(listening)


def _end(workers: list[subprocess.Popen[bytes]]) -> None:
    """Ask all workers to end, and end those that do not."""
    for worker in workers:
        worker.terminate()
    deadline = time.monotonic() + _SHUTDOWN_SECONDS
    for worker in workers:
        try:
            worker.wait(max(deadline - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()
