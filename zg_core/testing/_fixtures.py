"""What the fixtures of the pytest plugin are made of: ``zg_host`` and the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from itertools import count
from types import MappingProxyType
from typing import Any

import pytest

from ..plugins import PluginHost
from ..results import RunResult
from ._installing import Site
from ._offline import plugin_host, run_offline
from ._scripted import ScriptedProvider
from .wire import WireServer

__all__ = ["provided"]


def provided(name: str, request: pytest.FixtureRequest) -> Iterator[Any]:
    """Yield what a fixture provides, and clean up after it."""
    made = _FIXTURES[name](request)
    if isinstance(made, Iterator):
        yield from made
    else:
        yield made


def _host(_: pytest.FixtureRequest) -> Callable[..., PluginHost]:
    """Return `plugin_host`."""
    return plugin_host


def _run(request: pytest.FixtureRequest) -> Callable[..., RunResult]:
    """Return `run_offline`, whose files stay until the test ends."""
    folder, numbers = request.getfixturevalue("tmp_path"), count(1)

    @wraps(run_offline)
    def offline(*args: Any, **options: Any) -> RunResult:
        options.setdefault("out", folder / f"zg-run-{next(numbers)}")
        return run_offline(*args, **options)

    return offline


def _recorded_run(request: pytest.FixtureRequest) -> Callable[..., RunResult]:
    """Return `run_offline` for the recorded run that the test is marked with."""
    marker = request.node.get_closest_marker("zg_recording")
    if marker is None or len(marker.args) != 1:
        pytest.fail(
            "zg_recorded_run needs a recorded run: mark the test with "
            '@pytest.mark.zg_recording("run.zgrun"), a path from its own folder'
        )
    path, offline = request.path.parent / marker.args[0], _run(request)

    @wraps(run_offline)
    def replayed(*args: Any, **options: Any) -> RunResult:
        return offline(*args, **{"replay": path, **options})

    return replayed


def _fake_provider(_: pytest.FixtureRequest) -> type[ScriptedProvider]:
    """Return `ScriptedProvider`."""
    return ScriptedProvider


def _installed(request: pytest.FixtureRequest) -> Site:
    """Return a `Site` in which nothing is installed yet."""
    return Site(request.getfixturevalue("tmp_path") / "zg-site")


def _wire_server(_: pytest.FixtureRequest) -> Iterator[WireServer]:
    """Yield a `WireServer` that is up, and serves until the test ends.

    It has a thread of its own, so that a test may wait for its answers.
    """
    from anyio.from_thread import start_blocking_portal

    with start_blocking_portal() as portal:
        server = WireServer()
        with portal.wrap_async_context_manager(server):
            yield server


_FIXTURES: Mapping[str, Callable[[pytest.FixtureRequest], Any]] = MappingProxyType(
    {
        "fake_provider": _fake_provider,
        "host": _host,
        "installed": _installed,
        "recorded_run": _recorded_run,
        "run": _run,
        "wire_server": _wire_server,
    }
)
