"""What the fixtures of the pytest plugin are made of: ``zg_host`` and the others."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from itertools import count
from pathlib import Path
from typing import Any

from ..plugins import PluginHost
from ..results import RunResult
from ._installing import Site
from ._offline import plugin_host, run_offline
from ._scripted import ScriptedProvider

__all__ = ["fake_provider", "host", "installed", "run"]


def host(_: Path) -> Callable[..., PluginHost]:
    """Return `plugin_host`."""
    return plugin_host


def run(folder: Path) -> Callable[..., RunResult]:
    """Return `run_offline`, whose files stay until the test ends."""
    numbers = count(1)

    @wraps(run_offline)
    def offline(*args: Any, **options: Any) -> RunResult:
        options.setdefault("out", folder / f"zg-run-{next(numbers)}")
        return run_offline(*args, **options)

    return offline


def fake_provider(_: Path) -> type[ScriptedProvider]:
    """Return `ScriptedProvider`."""
    return ScriptedProvider


def installed(folder: Path) -> Site:
    """Return a `Site` in which nothing is installed yet."""
    return Site(folder / "zg-site")
