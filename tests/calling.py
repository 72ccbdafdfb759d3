"""Call ``zg`` in this process, as the console script does."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from zg_core.cli import main

__all__ = ["Called", "Caller"]


@dataclass(frozen=True)
class Called:
    """What a call of ``zg`` left behind."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Standard output, which is one JSON document and nothing else."""
        return json.loads(self.out)


class Caller:
    """Calls ``zg``; descriptors are captured, since it moves them itself."""

    def __init__(self, captured: pytest.CaptureFixture[str]) -> None:
        self._captured = captured

    def __call__(self, *arguments: str) -> Called:
        self._captured.readouterr()
        code = main(arguments)
        out, err = self._captured.readouterr()
        return Called(code, out, err)
