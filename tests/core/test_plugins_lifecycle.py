"""What a plugin is told of itself, and when: configured, closed, out of date.

One file, since it is one life, from beginning to end.
"""

from __future__ import annotations

import inspect
import threading
import time
import warnings
from collections.abc import Callable
from types import MappingProxyType, ModuleType
from typing import Any

import anyio
import pytest
from calling import Caller
from installing import GOOD, Site

import zg_core as zg
from zg_core.config import user_file
from zg_core.hookspecs import hookspec
from zg_core.plugins import PluginHost
from zg_core.plugins.diagnose import Findings
from zg_core.plugins.hooks import HookManager

pytestmark = pytest.mark.heavy


def plugin(name: str = "mine", **hooks: Callable[..., Any]) -> ModuleType:
    """Make a plugin of hooks, without ``zg_``."""
    made = ModuleType(name)
    for hook, implementation in hooks.items():
        setattr(made, f"zg_{hook}", zg.hookimpl(implementation))
    return made


def opened(*plugins: object, **config: Any) -> PluginHost:
    return PluginHost.open(zg.Config(**config), *plugins, discover=False)


def loaded(*plugins: object, **config: Any) -> PluginHost:
    host = opened(*plugins, **config)
    host.load_all()
    return host


def agents() -> list[zg.AgentSpec]:
    return [zg.AgentSpec(name="a", factory="m:a")]


# -- Configured ----------------------------------------------------------------------


def test_a_plugin_gets_its_own_section_once_after_it_is_registered() -> None:
    told: list[object] = []
    mine = plugin(
        configure=lambda config: told.append(config),
        register_agents=lambda: told.append("asked"),
    )
    section = MappingProxyType({"city": "Oslo", "tables": [{"a": (1, 2)}]})
    host = loaded(mine, plugins_config={"mine": section, "other": {"key": "secret"}})
    host.load_all()

    assert told == ["asked", {"city": "Oslo", "tables": [{"a": [1, 2]}]}]
    assert host.plugins[0].state == "active"


def test_what_it_does_with_its_section_stays_with_it() -> None:
    section = {"cities": ["Oslo"], "deep": {"a": 1}}

    def spoil(config: Any) -> None:
        config["cities"].append("Rome")
        config["deep"].clear()
        config["new"] = 1

    host = loaded(plugin(configure=spoil), plugins_config={"mine": section})

    assert section == {"cities": ["Oslo"], "deep": {"a": 1}}
    assert dict(host.settings("mine")) == section


def test_one_that_nothing_is_configured_for_gets_an_empty_section() -> None:
    told: list[object] = []

    loaded(plugin(configure=lambda config: told.append(config)))

    assert told == [{}]


async def later(config: object) -> None: ...


async def each(config: object) -> Any:
    yield config


def wrong(config: object) -> None:
    raise SystemExit(0)


@pytest.mark.parametrize(
    ("configure", "said"),
    [
        (wrong, "zg_configure failed: SystemExit: 0"),
        (later, "zg_configure must be a plain `def`"),
        (each, "zg_configure must be a plain `def`"),
    ],
)
def test_failing_leaves_a_plugin_degraded_with_all_it_offers(
    configure: Callable[..., Any], said: str
) -> None:
    host = loaded(plugin(configure=configure, register_agents=agents))

    [mine] = host.plugins
    assert mine.state == "degraded"
    assert [(d.code, said in d.message) for d in mine.diagnostics] == [("ZG211", True)]
    assert host.find("agent", "a").plugin == "mine"


def test_a_real_plugin_reads_it_from_the_users_file(site: Site, zg: Caller) -> None:
    site.install(
        "zg-good",
        GOOD
        + """
    @zg.hookimpl
    def zg_configure(config):
        raise ValueError(config["city"])
    """,
    )
    user_file().parent.mkdir(parents=True)
    user_file().write_text('[plugins.config."zg-good"]\ncity = "Oslo"\n')

    called = zg("agents")

    assert called.code == 0
    assert "ZG211 [zg-good 1.0] zg_configure failed: ValueError: Oslo" in called.err


# -- Closed --------------------------------------------------------------------------


@pytest.mark.anyio
async def test_every_plugin_is_told_once_that_its_host_closes() -> None:
    told: list[object] = []

    def plain(host: zg.HostInfo) -> None:
        told.append((host.api, threading.current_thread() is threading.main_thread()))

    async def waits() -> None:
        await anyio.sleep(0)
        told.append("async")

    async def finish() -> None:
        told.append("returned")

    plugins = (
        plugin("one", shutdown=plain),
        plugin("two", shutdown=waits),
        plugin("three", shutdown=lambda: finish()),
        plugin("four", register_agents=agents),
    )
    await opened(*plugins).close()
    assert told == []  # since none was loaded

    host = loaded(*plugins)
    assert host.holds
    await host.close()
    await host.close()
    assert not host.holds

    assert sorted(map(str, told)) == ["(1, False)", "async", "returned"]


@pytest.mark.anyio
async def test_one_that_fails_keeps_no_other_from_it() -> None:
    told: list[str] = []

    def leave() -> None:
        raise SystemExit(0)

    async def fail() -> None:
        raise KeyError("x")

    await loaded(
        plugin("a", shutdown=leave),
        plugin("b", shutdown=fail),
        plugin("c", shutdown=lambda: told.append("c")),
    ).close()

    assert told == ["c"]


@pytest.mark.anyio
async def test_all_of_them_together_get_two_seconds() -> None:
    ended = threading.Event()
    told: list[str] = []

    async def hang() -> None:
        await anyio.sleep(60)

    host = loaded(
        plugin("a", shutdown=lambda: ended.wait(60)),
        plugin("b", shutdown=hang),
        plugin("c", shutdown=hang),
        plugin("d", shutdown=lambda: told.append("d")),
    )
    began = time.monotonic()
    await host.close()
    ended.set()

    assert 1.9 < time.monotonic() - began < 3
    assert told == ["d"]


class Provider:
    """A provider that is closed in its own way."""

    def __init__(self, close: Callable[[], Any]) -> None:
        self.close = close

    def info(self, model: str) -> Any: ...
    def estimate(self, request: Any) -> Any: ...
    async def complete(self, request: Any) -> Any: ...
    def stream(self, request: Any) -> Any: ...


@pytest.mark.anyio
async def test_a_provider_that_hangs_holds_nobody_up_and_keeps_nobody_from_it() -> None:
    told: list[str] = []

    async def hang() -> None:
        await anyio.sleep(60)

    def fail() -> None:
        raise SystemExit(0)

    async def close() -> None:
        told.append("closed")

    closes = {"a": hang, "b": fail, "c": hang, "d": close}
    specs = [
        zg.ProviderSpec(name=name, factory=lambda close=close: Provider(close))
        for name, close in closes.items()
    ]
    host = loaded(
        plugin(register_providers=lambda: specs, shutdown=lambda: told.append("shut"))
    )
    for name in closes:
        host.make(host.find("provider", name))

    began = time.monotonic()
    await host.close()

    assert 1.9 < time.monotonic() - began < 3
    assert told == ["closed", "shut"]


@pytest.mark.anyio
async def test_an_engine_closes_its_plugins_whatever_ended_it() -> None:
    told: list[str] = []
    mine = plugin(shutdown=lambda: told.append("shut"), register_agents=agents)

    async with zg.Engine.open(mine, config=zg.Config(), journal="memory") as engine:
        engine.host.find("agent", "a")
    with pytest.raises(KeyError):
        async with zg.Engine.open(mine, config=zg.Config(), journal="memory") as engine:
            engine.host.find("agent", "a")
            raise KeyError("x")

    assert told == ["shut", "shut"]


def test_a_list_closes_them_too_and_prints_nothing_of_theirs(
    site: Site, zg: Caller
) -> None:
    site.install(
        "zg-good",
        GOOD
        + """
    @zg.hookimpl
    def zg_shutdown(host):
        import sys
        print("shut")
        sys.exit(5)
    """,
    )

    called = zg("agents", "--json")

    assert called.code == 0
    assert "goodie" in [agent["name"] for agent in called.document["agents"]]
    assert called.err == "shut\n"


def test_a_hang_holds_the_command_up_for_two_seconds_only(site: Site) -> None:
    site.install(
        "zg-good",
        GOOD
        + """
    @zg.hookimpl
    def zg_shutdown(host):
        import time
        time.sleep(60)
    """,
    )
    began = time.monotonic()

    called = site.zg("agents")

    assert (called.returncode, called.stderr) == (0, "")
    assert time.monotonic() - began < 20


# -- Out of date ---------------------------------------------------------------------


def test_a_plugin_for_a_newer_api_is_refused_before_it_is_asked(
    site: Site, zg: Caller
) -> None:
    site.install("zg-new", "ZG_PLUGIN_API = 2\n" + inspect.cleandoc(GOOD))

    called = zg("agents")
    listed = zg("plugins", "--json")

    assert "goodie" not in called.out
    [row] = [p for p in listed.document["plugins"] if p["id"] == "zg-new"]
    assert (row["state"], row["contributes"]) == ("incompatible", {})
    [found] = row["diagnostics"]
    assert found["code"] == "ZG121"
    assert found["message"].startswith("needs plugin API 2; zerogravity ")
    assert found["hint"] == "pip install -U zerogravity"


def test_one_for_an_api_that_is_gone_is_to_be_upgraded_itself(site: Site) -> None:
    site.install("zg-old", "ZG_PLUGIN_API = 0\n" + inspect.cleandoc(GOOD))
    host = PluginHost.open(zg.Config())
    host.load_all()

    [found] = host.named("zg-old")[0].diagnostics
    assert found.hint.startswith("pip install -U zg-old")


def old(host: object) -> None: ...
def new(host: object, before: object) -> None: ...


def specs() -> ModuleType:
    """Make hooks of which one is deprecated, and an argument of another."""
    made = ModuleType("specs")
    goes = DeprecationWarning("zg_old is deprecated: use zg_new")
    argument = DeprecationWarning("'before' goes: use 'host'")
    made.zg_old = hookspec(old, warn_on_impl=goes)  # type: ignore[attr-defined]
    made.zg_new = hookspec(  # type: ignore[attr-defined]
        new, warn_on_impl_args={"before": argument}
    )
    return made


def test_what_is_deprecated_is_named_with_the_plugins_file_and_line() -> None:
    findings = Findings("mine", "1.0", "pip install -U mine")
    whole, part = plugin(old=lambda: None), plugin(new=lambda before: None)

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        manager = HookManager(specs())
        [(name, _)] = manager.connect(whole, findings)
        manager.connect(plugin("fine", new=lambda host: None), Findings("fine"))
        arguments = Findings("new", "1.0", "pip install -U new")
        manager.connect(part, arguments)

    assert name == "zg_old"
    assert warned == []
    line = inspect.getsourcelines(
        test_what_is_deprecated_is_named_with_the_plugins_file_and_line
    )[1]
    [found] = findings.diagnostics
    assert (found.code, found.severity) == ("ZG231", "warning")
    assert found.message == f"zg_old is deprecated: use zg_new ({__file__}:{line + 2})"
    assert found.hint == "pip install -U mine"
    [other] = arguments.diagnostics
    assert other.message == f"'before' goes: use 'host' ({__file__}:{line + 2})"


def test_a_thing_that_is_deprecated_is_listed_so_and_named_when_it_is_used(
    site: Site, zg: Caller
) -> None:
    spec = 'name="goodie"'
    site.install("zg-good", GOOD.replace(spec, f'{spec}, deprecated="use better"'))

    listed = zg("agents")
    used = zg("run", "x", "--agent", "goodie")
    strict = zg("--strict-plugins", "agents")

    assert "(deprecated: use better)" in listed.out
    assert listed.err == ""
    assert used.code == 0
    assert used.err.count("ZG231") == 1
    assert "[zg-good 1.0] the agent 'goodie' is deprecated: use better" in used.err
    assert strict.code == 0


def test_what_does_not_say_in_a_text_what_to_use_instead_is_dropped() -> None:
    spec = zg.AgentSpec(name="a", factory="m:a", deprecated=1)  # type: ignore[arg-type]
    host = loaded(plugin(register_agents=lambda: [spec]))

    [found] = host.plugins[0].diagnostics
    assert (found.code, found.message.endswith("has deprecated that is no text")) == (
        "ZG212",
        True,
    )
