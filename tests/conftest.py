"""A clean place for every test: no configuration, no keys, nothing left behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

from zg_core.testing.wire import serve_apart

# A machine that is busy with something else proves nothing about a law.
settings.register_profile("busy", deadline=None)
settings.load_profile("busy")

pytest_plugins = ["zg_core._pytest_plugin"]
_OURS = ("ZG_", "ZEROGRAVITY_", "OPENAI_", "ANTHROPIC_")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True, scope="session")
def usual_signals() -> Iterator[None]:
    """Heed the signals that tests send; begun in the background, nothing does."""
    sent = signal.SIGINT, signal.SIGHUP
    ignored = [number for number in sent if signal.getsignal(number) is signal.SIG_IGN]
    for number in ignored:
        interrupts = number == signal.SIGINT
        signal.signal(
            number, signal.default_int_handler if interrupts else signal.SIG_DFL
        )
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)


@pytest.fixture(autouse=True)
def clean_environment(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Give the test an empty home and an empty folder to work in."""
    place = tmp_path_factory.mktemp("clean")
    for name in os.environ:
        if name.startswith(_OURS):
            monkeypatch.delenv(name)
    monkeypatch.setenv("ZG_HOME", str(place / "home"))
    work = place / "work"
    work.mkdir()
    monkeypatch.chdir(work)


@pytest.fixture(scope="session")
def wire() -> Iterator[str]:
    """A real server on this machine that speaks the vendors' formats; its root."""
    with serve_apart() as url:
        yield url
