"""What plugins offer is found by name, and only what must be is imported for it.

One file, since it is one class.
"""

from __future__ import annotations

import gc
import sys
import weakref
from textwrap import dedent
from types import ModuleType
from typing import Any

import pytest
from installing import GOOD, Site

import zg_core as zg
from zg_core.errors import AmbiguousNameError, PluginError, UnknownNameError
from zg_core.plugins import PluginHost

BUILTIN = "zg_plugins_builtin.plugin"


def module(name: str, **hooks: Any) -> ModuleType:
    """Make a module whose hooks return what is given."""
    made = ModuleType(name)
    for kind, specs in hooks.items():
        hook = zg.hookimpl(lambda specs=specs: specs)
        setattr(made, f"zg_register_{kind}", hook)
    return made


def agent(name: str, factory: Any = "builtins:object", **more: Any) -> zg.AgentSpec:
    return zg.AgentSpec(name=name, factory=factory, **more)


def tool(name: str) -> zg.ToolSpec:
    return zg.ToolSpec(name=name, factory="builtins:object")


def opened(*objects: object, **config: Any) -> PluginHost:
    return PluginHost.open(zg.Config(**config), *objects, discover=False)


# -- Laziness ------------------------------------------------------------------------


@pytest.fixture
def host(site: Site) -> PluginHost:
    """Return a host with a built-in agent and two installed plugins."""
    site.install("zg-good", GOOD)
    site.install("zg-other", GOOD.replace("goodie", "otherwise"))
    built_in = module(BUILTIN, agents=[agent("planner")])
    return PluginHost.open(zg.Config(), built_in)


def imported() -> set[str]:
    return {"zg_good", "zg_other"} & set(sys.modules)


def test_a_built_in_name_needs_no_other_plugin(host: PluginHost) -> None:
    assert host.find("agent", "planner").qualified == "builtin:planner"
    assert [c.name for c in host.builtin("agent")] == ["planner"]
    assert imported() == set()
    assert [plugin.id for plugin in host.loaded()] == ["builtin"]


def test_a_qualified_name_needs_its_own_plugin_alone(host: PluginHost) -> None:
    assert host.find("agent", "zg-good:goodie").plugin == "zg-good"
    with pytest.raises(UnknownNameError, match="'zg-good:godie'"):
        host.find("agent", "zg-good:godie")
    assert imported() == {"zg_good"}
    assert [plugin.id for plugin in host.loaded()] == ["builtin", "zg-good"]


def test_the_plugin_that_asks_goes_first(host: PluginHost) -> None:
    assert host.find("agent", "goodie", prefer="zg-good").plugin == "zg-good"
    assert imported() == {"zg_good"}


def test_any_other_name_needs_them_all(host: PluginHost) -> None:
    assert host.find("agent", "otherwise").plugin == "zg-other"
    assert imported() == {"zg_good", "zg_other"}


def test_a_list_has_the_things_of_every_plugin(host: PluginHost) -> None:
    assert [c.qualified for c in host.all("agent")] == [
        "builtin:planner",
        "zg-good:goodie",
        "zg-other:otherwise",
    ]


# -- Names ---------------------------------------------------------------------------


def test_a_built_in_name_stays_what_it_was() -> None:
    mine = module("mine", agents=[agent("planner")])
    host = opened(mine, module(BUILTIN, agents=[agent("planner")]))
    host.load_all()

    assert host.find("agent", "planner").plugin == "builtin"
    assert host.find("agent", "mine:planner").plugin == "mine"
    assert host.standing(host.find("agent", "mine:planner")) == "shadowed"


def test_a_name_that_two_plugins_offer_must_be_qualified() -> None:
    host = opened(*(module(name, agents=[agent("critic")]) for name in ("one", "two")))

    with pytest.raises(AmbiguousNameError, match="one:critic, two:critic"):
        host.find("agent", "critic")
    assert host.find("agent", "two:critic").plugin == "two"


class Broken:
    """A class, which is no plugin object."""


@pytest.mark.parametrize(
    ("name", "cause", "remedy"),
    [
        ("mien:critic", "no plugin 'mien'", "did you mean 'mine'?"),
        ("nowhere:critic", "no plugin 'nowhere'", "`zg plugins` lists them"),
        ("mine:critc", "named 'mine:critc'", "did you mean 'mine:critic'?"),
        ("critc", "(but broken is broken)", "did you mean 'critic'?"),
        ("broken:critic", "'Broken' is a class", "leave it out"),
    ],
)
def test_a_name_that_means_nothing_says_what_may_be_meant(
    name: str, cause: str, remedy: str
) -> None:
    host = opened(module("mine", agents=[agent("critic")]), Broken)

    with pytest.raises(UnknownNameError) as caught:
        host.find("agent", name)

    assert cause in caught.value.cause
    assert remedy in caught.value.remedy
    assert caught.value.exit_code == 2


# -- Tools of agents -----------------------------------------------------------------


def test_the_tools_of_an_agent_are_pinned_down_when_it_is_registered() -> None:
    builtin = module(BUILTIN, tools=[tool("read"), tool("write")])
    mine = module(
        "mine",
        tools=[tool("write")],
        agents=[agent("a", tools=["read", "write", "elsewhere", "other:read"])],
    )

    found = opened(mine, builtin).find("agent", "mine:a")

    assert isinstance(found.spec, zg.AgentSpec)
    assert found.spec.tools == (
        "builtin:read",
        "mine:write",
        "elsewhere",
        "other:read",
    )


# -- Objects -------------------------------------------------------------------------


class Twin:
    """Offers one agent."""

    @zg.hookimpl
    def zg_register_agents(self) -> list[zg.AgentSpec]:
        return [agent("twin")]


def test_objects_have_ids_of_their_own() -> None:
    host = opened(Twin(), module("My.Plugin"), Twin())
    host.load_all()

    assert [plugin.id for plugin in host.plugins] == ["my-plugin", "twin", "twin-2"]
    assert host.find("agent", "twin-2:twin").plugin == "twin-2"


def test_an_object_takes_the_place_of_an_installed_plugin(site: Site) -> None:
    site.install("zg-good", "raise SystemExit(0)")
    mine = module("zg_good", agents=[agent("mine")])

    host = PluginHost.open(zg.Config(plugins_disable=("zg-good",)), mine)

    assert host.find("agent", "zg-good:mine").plugin == "zg-good"
    assert host.named("zg-good")[0].state == "active"


def test_without_discovery_there_is_nothing_but_what_was_given() -> None:
    assert opened().plugins == ()
    with pytest.raises(UnknownNameError):
        opened().find("agent", "architect")


def test_an_object_whose_name_cannot_be_had_is_called_after_its_class() -> None:
    class Shy:
        def __getattr__(self, name: str) -> None:
            raise SystemExit(name)

    host = opened(Shy())
    host.load_all()

    assert [(p.id, p.state) for p in host.plugins] == [("shy", "broken")]


def test_two_hosts_share_nothing() -> None:
    plugin = module("mine", agents=[agent("a")])
    one, other = opened(plugin), opened(plugin)
    one.load_all()

    assert one.loaded()
    assert not other.loaded()
    assert other.find("agent", "a").plugin == "mine"


def test_a_closed_host_can_be_forgotten() -> None:
    host = opened(module("mine", agents=[agent("a")]))
    host.load_all()
    remembered = weakref.ref(host)
    del host
    gc.collect()

    assert remembered() is None


# -- Making --------------------------------------------------------------------------


class Runner:
    """An agent."""

    def __init__(self, settings: zg.Settings | None = None) -> None:
        self.settings = settings

    async def run(self, ctx: zg.Context) -> zg.Reply:
        return zg.Reply(output="")


class Shapeless:
    """Has a ``run`` that asks for nothing."""

    def run(self) -> None: ...


async def later() -> Runner:
    return Runner()


def missing_key() -> None:
    raise zg.ConfigError("the key is missing", "set it")


def made(factory: Any, **config: Any) -> Any:
    host = opened(module("mine", agents=[agent("a", factory)]), **config)
    return host.make(host.find("agent", "a"))


def test_a_factory_is_called_once() -> None:
    host = opened(module("mine", agents=[agent("a", Runner)]))
    found = host.find("agent", "a")

    assert isinstance(host.make(found), Runner)
    assert host.make(found) is host.make(found)


def test_a_factory_that_asks_for_them_gets_its_plugins_settings() -> None:
    told: list[str] = []
    host = PluginHost.open(
        zg.Config(plugins_config={"mine": {"city": "Oslo", "key": "sesame-street"}}),
        module("mine", agents=[agent("a", Runner)]),
        discover=False,
        on_secret=told.append,
    )

    runner = host.make(host.find("agent", "a"))

    assert isinstance(runner, Runner)
    assert runner.settings is not None
    assert dict(runner.settings) == {"city": "Oslo", "key": "sesame-street"}
    assert runner.settings.secret("key") == "sesame-street"
    assert told == ["sesame-street"]


def test_a_reference_is_imported_when_it_is_used(site: Site) -> None:
    site.install("zg-good", GOOD.replace("Goodie)", "'zg_made:Goodie')"))
    (site.folder / "zg_made.py").write_text(dedent(GOOD))
    host = PluginHost.open(zg.Config())
    found = host.find("agent", "zg-good:goodie")
    assert "zg_made" not in sys.modules

    goodie = host.make(found)

    assert type(goodie).__module__ == "zg_made"


@pytest.mark.parametrize(
    ("factory", "said"),
    [
        ("nowhere:x", "ModuleNotFoundError"),
        ("sys:exit", "SystemExit"),
        ("builtins:object", "which is no Agent"),
        (lambda: Runner, "which is no Agent"),
        (Shapeless, "`run` does not take the 1 argument(s) it gets"),
        (later, "its factory is `async def`"),
    ],
)
def test_a_factory_that_fails_is_named_with_its_plugin(factory: Any, said: str) -> None:
    with pytest.raises(PluginError, match="agent 'a' from mine unknown") as caught:
        made(factory)

    assert said in caught.value.cause
    assert caught.value.details["plugin"] == "mine"


def test_what_a_factory_has_to_say_itself_is_passed_on() -> None:
    with pytest.raises(zg.ConfigError, match="the key is missing"):
        made(missing_key)


def test_a_workflow_and_a_function_need_no_making() -> None:
    flow = zg.Workflow("solo", (zg.Step("a", agent="a"),))
    count = zg.tool(name="count")(len)
    host = opened(
        module(
            "mine",
            workflows=[zg.WorkflowSpec(name="solo", workflow=flow)],
            tools=[count],
            commands=[zg.CommandSpec(name="c", factory="builtins:print")],
        )
    )

    assert host.make(host.find("workflow", "solo")) is flow
    assert host.make(host.find("tool", "count")) is count
    assert host.make(host.find("command", "c")) is print


def test_a_journal_is_made_of_its_address_and_anew_each_time() -> None:
    addresses: list[str] = []

    def make(address: str) -> zg.MemoryJournal:
        addresses.append(address)
        return zg.MemoryJournal()

    host = opened(module("mine", journals=[zg.JournalSpec(name="mem", factory=make)]))
    found = host.find("journal", "mem")

    assert host.make(found, "//here") is not host.make(found, "//here")
    assert addresses == ["//here", "//here"]


class Closing:
    """A provider that counts how often it is closed, and fails at it."""

    closed = 0

    def info(self, model: str) -> Any: ...
    def estimate(self, request: Any) -> Any: ...
    async def complete(self, request: Any) -> Any: ...
    def stream(self, request: Any) -> Any: ...

    async def close(self) -> None:
        self.closed += 1
        raise SystemExit(0)


@pytest.mark.anyio
async def test_closing_the_host_closes_the_providers_that_were_made() -> None:
    provider = Closing()
    specs = [
        zg.ProviderSpec(name="used", factory=lambda: provider),
        zg.ProviderSpec(name="unused", factory=missing_key),
    ]
    host = opened(module("mine", providers=specs))
    host.make(host.find("provider", "used"))

    await host.close()
    await host.close()

    assert provider.closed == 1


# -- Records -------------------------------------------------------------------------


def test_a_plugin_can_be_described_as_json(site: Site) -> None:
    site.install("zg-good", GOOD)
    host = PluginHost.open(zg.Config())
    host.load_all()

    [good] = host.named("zg-good")
    described = good.document()

    assert described.pop("load_ms") > 0
    assert described == {
        "id": "zg-good",
        "dist": "zg-good",
        "version": "1.0",
        "state": "active",
        "builtin": False,
        "entry_point": "zg_good",
        "manifest": False,
        "loaded": True,
        "contributes": {"agents": ["goodie"]},
        "capabilities": [],
        "diagnostics": [],
        "path": str(site.folder),
        "editable": False,
    }
    [info] = [info for info in host.loaded() if info.id == "zg-good"]
    assert info.record_sha256


def test_the_capabilities_of_a_plugin_are_those_of_its_tools() -> None:
    tools = [
        zg.ToolSpec(name="a", function=len, capabilities=frozenset({"network"})),
        zg.ToolSpec(name="b", function=len, capabilities=frozenset({"files"})),
    ]
    host = opened(module("mine", tools=tools))
    host.load_all()

    assert host.plugins[0].document()["capabilities"] == ["files", "network"]
