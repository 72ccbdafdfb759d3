"""What the user puts in the place of something stands there, and nothing else does."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from calling import Caller
from installing import GOOD, Site

import zg_core as zg
from zg_core.config import load_config, user_file
from zg_core.errors import ConfigError
from zg_core.plugins import PluginHost

pytestmark = pytest.mark.heavy

BETTER = """
    import zg_core.plugin_api as zg

    @zg.hookimpl
    def zg_register_agents():
        return [
            zg.AgentSpec(
                name="architect",
                description="Plans better.",
                factory=Better,
                task_types=("technical", "gardening"),
                overrides="builtin:architect",
            )
        ]

    @zg.hookimpl
    def zg_register_tools():
        return [zg.ToolSpec(name="read_file", function=len, parameters={})]

    @zg.hookimpl
    def zg_register_classifiers():
        return [zg.ClassifierSpec(name="gardens", factory=Gardens)]

    class Better:
        async def run(self, ctx):
            return zg.Reply(output="better")

    class Gardens:
        async def classify(self, text):
            return zg.Label("gardening", 1.0, "all are gardens")
"""
INSTEAD = ("--override", "agent:architect=zg-better:architect")


@pytest.fixture(autouse=True)
def better(site: Site) -> Site:
    site.install("zg-good", GOOD)
    site.install("zg-better", BETTER)
    return site


def imported() -> set[str]:
    return {"zg_good", "zg_better"} & set(sys.modules)


def opened(**overrides: str) -> PluginHost:
    return PluginHost.open(zg.Config(overrides_agents=overrides))


# -- What a name means ---------------------------------------------------------------


def test_an_overridden_name_imports_only_what_stands_in_its_place() -> None:
    host = opened(architect="zg-better:architect")

    assert host.find("agent", "architect").qualified == "zg-better:architect"
    assert host.find("agent", "builtin:architect").builtin
    assert host.find("agent", "engineer").builtin
    assert imported() == {"zg_better"}


def test_a_name_that_means_nothing_may_be_given_a_meaning() -> None:
    host = opened(planner="zg-better:architect")

    assert host.find("agent", "planner").qualified == "zg-better:architect"
    assert host.find("agent", "architect").builtin


def test_a_strangers_agent_has_its_own_tool_and_a_built_in_one_the_users() -> None:
    config = zg.Config(overrides_tools={"read_file": "zg-better:read_file"})
    host = PluginHost.open(config)

    assert host.find("tool", "read_file", prefer="builtin").plugin == "zg-better"
    assert host.find("tool", "builtin:read_file").builtin
    own = {"overrides_tools": {"read_file": "builtin:read_file"}}
    other = PluginHost.open(zg.Config(**own))
    assert other.find("tool", "read_file", prefer="zg-better").plugin == "zg-better"


@pytest.mark.parametrize(
    ("target", "cause", "remedy"),
    [
        ("zg-bettr:architect", "there is no plugin 'zg-bettr'", "'zg-better'?"),
        ("zg-better:architct", "no agent named", "'zg-better:architect'?"),
        ("zg-broken:architect", "import of 'zg_broken' failed", "-p no:zg-broken"),
    ],
)
def test_what_cannot_stand_there_is_never_replaced_unasked(
    site: Site, target: str, cause: str, remedy: str
) -> None:
    site.install("zg-broken", "raise SystemExit(0)")
    host = opened(architect=target)

    with pytest.raises(ConfigError) as caught:
        host.find("agent", "architect")

    assert caught.value.cause.startswith("overrides.agents.architect (default): ")
    assert cause in caught.value.cause
    assert remedy in caught.value.remedy
    assert caught.value.exit_code == 3
    assert host.find("agent", "engineer").builtin


def test_a_plugin_that_is_disabled_stands_nowhere() -> None:
    config = zg.Config(
        overrides_agents={"architect": "zg-better:architect"},
        plugins_disable=("zg-better",),
    )

    with pytest.raises(ConfigError, match="its plugin is disabled"):
        PluginHost.open(config).find("agent", "architect")
    assert imported() == set()


def test_a_plugin_that_is_not_there_is_warned_of_before_it_is_missed() -> None:
    host = opened(architect="zg-bettr:architect")

    [found] = host.general_diagnostics
    assert found.code == "ZG131"
    assert "overrides.agents.architect" in found.message
    assert found.hint == "did you mean 'zg-better'?"


def test_a_provider_may_stand_in_for_a_built_in_one(play: Site) -> None:
    config = zg.Config(overrides_providers={"openai": "zg-play:play"})

    from zg_core._choice import resolve_model

    provider, model = resolve_model("openai:gpt-5", PluginHost.open(config))
    assert (provider.qualified, model) == ("zg-play:play", "gpt-5")


# -- Routes --------------------------------------------------------------------------


@pytest.mark.anyio
async def test_a_category_belongs_to_strangers_only_if_nobody_built_in_has_it() -> None:
    config = zg.Config(classifier="zg-better:gardens")

    async with zg.Engine.open(config=config, journal="memory") as engine:
        route = await engine.route("a garden")

    assert (route.label, route.agents) == ("gardening", ("zg-better:architect",))


@pytest.mark.anyio
async def test_a_route_goes_over_what_the_user_put_in_its_place() -> None:
    config = zg.Config(overrides_agents={"architect": "zg-better:architect"})

    async with zg.Engine.open(config=config, journal="memory") as engine:
        route = await engine.route("fix the bug in the database code")

    assert "zg-better:architect" in route.agents
    assert "builtin:architect" not in route.agents


# -- The command line ----------------------------------------------------------------


def test_a_run_uses_what_the_option_says(zg: Caller) -> None:
    before = zg("run", "x", "--agent", "zg-better:architect", "--json")
    run = zg(*INSTEAD, "run", "x", "--agent", "architect", "--json")

    assert run.code == before.code == 0
    assert run.document["result"] == before.document["result"] == "better"


def test_a_run_of_what_is_built_in_imports_no_stranger(better: Site, wire: str) -> None:
    better.install("zg-bad", "import os; os._exit(7)")
    model = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": f"{wire}/v1"}

    run = better.zg("run", "make a page", "--model", "openai:toy", **model)

    assert run.returncode == 0, run.stderr
    assert "zg-bad" not in run.stderr


def test_lists_mark_what_was_put_in_place(zg: Caller) -> None:
    table = zg(*INSTEAD, "agents").out
    document = zg(*INSTEAD, "agents", "--json").document

    lines = [" ".join(line.split()) for line in table.splitlines()]
    assert "architect zg-better:architect override* Plans better." in lines
    assert any(
        line.startswith("architect builtin:architect overridden") for line in lines
    )
    assert "offers to replace" not in table
    status = {agent["qualified"]: agent["status"] for agent in document["agents"]}
    assert status["zg-better:architect"] == "override"
    assert status["builtin:architect"] == "overridden"
    assert status["builtin:engineer"] == "active"


def test_a_wish_is_shown_with_what_grants_it_and_does_nothing(zg: Caller) -> None:
    table = zg("agents").out

    wish = table.splitlines()[-1]
    assert wish == (
        "zg-better:architect offers to replace builtin:architect; enable with: "
        "zg config set overrides.agents.architect zg-better:architect"
    )
    assert PluginHost.open(load_config()).find("agent", "architect").builtin

    assert zg(*wish.partition("zg ")[2].split()).code == 0

    host = PluginHost.open(load_config())
    assert host.find("agent", "architect").qualified == "zg-better:architect"
    assert "[overrides.agents]" in user_file().read_text()


def test_the_option_goes_before_the_file_and_of_two_the_later(zg: Caller) -> None:
    zg("config", "set", "overrides.agents.architect", "nowhere:architect")
    twice = ("--override", "agent:architect=nobody:architect", *INSTEAD)

    assert zg("run", "x", "--agent", "architect").code == 3
    assert zg(*twice, "run", "x", "--agent", "architect").code == 0


@pytest.mark.parametrize(
    "value",
    [
        "architect=zg-better:architect",
        "agent:architect",
        "agent:architect=architect",
        "agent:Architect=zg-better:architect",
        "agent:architect=zg-better:Architect",
        "exporter:a=zg-better:a",
        "",
    ],
)
def test_a_form_that_is_none_is_refused_with_an_example(zg: Caller, value: str) -> None:
    called = zg("--override", value, "agents")

    assert called.code == 2
    assert f"{value!r} is not KIND:NAME=PLUGIN:NAME" in called.err
    assert "agent:planner=zg-better:planner" in called.err
    assert "kinds are agent, tool, provider, classifier, workflow" in called.err


def test_a_projects_file_may_put_nothing_in_place(zg: Caller) -> None:
    Path("zg.toml").write_text(
        "[overrides.agents]\narchitect = 'zg-better:architect'\n"
    )

    called = zg("agents")

    assert called.code == 3
    assert "overrides.agents.architect" in called.err
