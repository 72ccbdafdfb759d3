"""A service in a process of its own, for tests: started as an operator would."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2

__all__ = ["Serving", "serving"]

ZG = [sys.executable, "-m", "zg_core.cli"]


class Serving:
    """A service in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.endswith("}\n"), line + process.stdout.read()
        self.told: dict[str, Any] = json.loads(line)
        self.address: str = self.told["address"]

    def ask(
        self, method: str, path: str, credential: str | None = None, **sent: Any
    ) -> httpx2.Response:
        headers = {"authorization": f"Bearer {credential}"} if credential else {}
        url = self.address + path
        return httpx2.request(method, url, headers=headers, timeout=20, **sent)

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal, and return the exit code and what was said at the end."""
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=30)
        return self.process.returncode, said


@contextmanager
def serving(*arguments: str, **environment: str) -> Iterator[Serving]:
    process = subprocess.Popen(
        [*ZG, "serve", "--json", "--port", "0", *arguments],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Serving(process)
    finally:
        process.kill()
        process.communicate()
