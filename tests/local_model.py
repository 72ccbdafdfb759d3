"""The embedded model, fetched once for all tests."""

from __future__ import annotations

import os
from pathlib import Path

import anyio
import pytest

from zg_core.plugin_api import Progress
from zg_plugins_builtin.models.catalogue import LocalModel, named
from zg_plugins_builtin.models.pull import pull

__all__ = ["Watched", "fetched", "smollm2"]


class Watched(Progress):
    """Remembers what a person would have been shown."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.told = 0
        self.total = 0
        self.began = anyio.Event()

    def note(self, text: str) -> None:
        self.notes.append(text)

    def bar(self, label: str, total: int) -> Watched:
        self.notes.append(label)
        self.total = total
        return self

    def __enter__(self) -> Watched:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __call__(self, amount: int) -> None:
        self.told += amount
        self.began.set()


def smollm2() -> LocalModel:
    found = named("smollm2")
    assert found is not None
    return found


def fetched(folder: Path) -> Path:
    """Return the model's file in ``ZEROGRAVITY_TEST_MODELS``, or else in *folder*.

    It is fetched if it is not there; that folder may be kept from run to run.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZG_HOME", os.environ.get("ZEROGRAVITY_TEST_MODELS", str(folder)))
        return anyio.run(pull, smollm2(), Watched())
