"""What several tests of the core share."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from calling import Caller
from installing import Site
from paying import paid
from playing import PLAY
from terminals import Terminal

from zg_core.running import recorder


@pytest.fixture
def zg(capfd: pytest.CaptureFixture[str]) -> Caller:
    return Caller(capfd)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    site = Site(tmp_path / "site")
    monkeypatch.syspath_prepend(str(site.folder))
    yield site
    site.forget()


@pytest.fixture
def play(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Install a plugin with a model, agents and workflows, and configure the model."""
    site.install("zg-play", PLAY)
    monkeypatch.setenv("ZG_MODEL", "play")
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    return site


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """Give a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    with Terminal() as terminal:
        yield terminal


@pytest.fixture
def nothing_paid() -> None:
    """Begin with nothing paid; see ``paying``."""
    paid.clear()


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Move the clock on the wall."""
    read, moved = time.time_ns, 0

    def move(hours: float) -> None:
        nonlocal moved
        moved += round(hours * 3600e9)

    clock = SimpleNamespace(time_ns=lambda: read() + moved)
    monkeypatch.setattr(recorder, "time", clock)
    return move
