"""The user says which plugins are loaded, and the others are never imported."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import pytest
from installing import GOOD, Site

from zg_core.config import Config
from zg_core.errors import AmbiguousNameError, ConfigError, UnknownNameError
from zg_core.plugins import PluginHost

pytestmark = pytest.mark.heavy

EXITS = "raise SystemExit(0)"


def states(host: PluginHost) -> dict[str, str]:
    host.load_all()
    return {plugin.id: plugin.state for plugin in host.plugins if not plugin.builtin}


@pytest.mark.parametrize(
    "name", ["zg-bad", "ZG_Bad", "bad", "Zg.BAD", "its-entry", "Its_Entry"]
)
def test_a_disabled_plugin_is_never_imported(site: Site, name: str) -> None:
    site.install("zg-good", GOOD)
    site.install("zg-bad", EXITS, entry_points={"its-entry": "zg_bad"})

    host = PluginHost.open(Config(plugins_disable=(name,)))

    assert states(host) == {"zg-bad": "disabled", "zg-good": "active"}
    assert "zg_bad" not in sys.modules
    assert not [found for found in host.diagnostics if found.plugin == "zg-bad"]


def test_the_name_of_a_distribution_disables_all_its_plugins(site: Site) -> None:
    site.install("zg-bad", EXITS, entry_points={"a": "zg_bad", "b": "zg_bad"})

    host = PluginHost.open(Config(plugins_disable=("zg-bad",)))

    assert states(host) == {"zg-bad": "disabled", "zg-bad.b": "disabled"}


def test_one_of_several_plugins_of_a_distribution_can_be_disabled(site: Site) -> None:
    site.install("zg-two", GOOD, entry_points={"a": "zg_two", "b": "nowhere"})

    host = PluginHost.open(Config(plugins_disable=("zg-two.b",)))

    assert states(host) == {"zg-two": "active", "zg-two.b": "disabled"}


def test_without_plugins_only_the_built_in_one_is_left(site: Site) -> None:
    site.install("zg-bad", EXITS)
    site.install("zg-good", GOOD)

    host = PluginHost.open(Config(plugins_off=True))

    assert states(host) == {"zg-bad": "disabled", "zg-good": "disabled"}
    assert host.named("builtin")[0].state != "disabled"


@pytest.mark.parametrize(
    "config", [Config(plugins_off=True), Config(plugins_disable=("good",))]
)
def test_what_is_enabled_for_a_command_is_loaded_all_the_same(
    site: Site, config: Config
) -> None:
    site.install("zg-good", GOOD)

    host = PluginHost.open(replace(config, plugins_enable=("zg-good",)))

    assert states(host) == {"zg-good": "active"}


def test_a_thing_of_a_disabled_plugin_says_how_to_enable_it(site: Site) -> None:
    site.install("zg-good", GOOD)
    host = PluginHost.open(Config(plugins_disable=("zg-good",)))

    with pytest.raises(UnknownNameError, match="its plugin is disabled") as caught:
        host.find("agent", "zg-good:goodie")
    with pytest.raises(UnknownNameError, match="zg-good is disabled"):
        host.find("agent", "goodie")

    assert "zg -p zg-good …" in caught.value.remedy


def test_a_disabled_plugin_that_is_not_there_is_warned_of(site: Site) -> None:
    site.install("zg-good", GOOD)
    config = Config(
        plugins_disable=("zg-god",),
        origins={"plugins.disable": "environment ZG_PLUGINS_DISABLE"},
    )

    [found] = PluginHost.open(config).general_diagnostics

    assert (found.code, found.severity) == ("ZG131", "warning")
    assert "environment ZG_PLUGINS_DISABLE" in found.message
    assert "did you mean 'zg-good'?" in found.hint


def test_a_section_of_a_plugin_that_is_not_there_is_warned_of(site: Site) -> None:
    site.install("zg-good", GOOD)
    config = Config(plugins_config={"zg-good": {}, "zg-goood": {}, "what": {}})

    found = PluginHost.open(config).general_diagnostics

    assert [one.code for one in found] == ["ZG131", "ZG131"]
    assert found[0].hint == "did you mean 'zg-good'?"
    assert found[1].hint == "correct plugins.config.what, or remove it"


@pytest.mark.parametrize(
    "wrong", [{"plugins_enable": ("zg-god",)}, {"plugins_disable": ("zg-god",)}]
)
def test_a_plugin_named_on_the_command_line_must_be_there(
    site: Site, wrong: dict[str, Any]
) -> None:
    site.install("zg-good", GOOD)
    config = Config(**wrong, origins={"plugins.disable": "argument"})

    with pytest.raises(UnknownNameError, match="no plugin named 'zg-god'") as caught:
        PluginHost.open(config)

    assert caught.value.remedy == "did you mean 'zg-good'?"


def test_a_name_of_entry_points_of_several_plugins_means_none(site: Site) -> None:
    for name in ("zg-one", "zg-two"):
        site.install(name, GOOD, entry_points={"words": name.replace("-", "_")})
    host = PluginHost.open(Config())

    with pytest.raises(AmbiguousNameError, match="zg-one, zg-two"):
        host.named("words")


# -- Compatibility -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("requirement", "hint"),
    [
        ("zerogravity>=99", "pip install -U zerogravity"),
        ("ZeroGravity ~= 99.1", "pip install -U zerogravity"),
        ("zerogravity==99.*", "pip install -U zerogravity"),
        ("zerogravity<0.0.1", "pip install -U zg-bad, or: zg -p no:zg-bad …"),
    ],
)
def test_a_plugin_that_requires_another_zerogravity_is_not_imported(
    site: Site, requirement: str, hint: str
) -> None:
    site.install("zg-bad", EXITS, requires=(requirement,))

    host = PluginHost.open(Config())

    assert states(host) == {"zg-bad": "incompatible"}
    [found] = host.named("zg-bad")[0].diagnostics
    assert (found.code, found.hint) == ("ZG121", hint)
    assert "zg_bad" not in sys.modules
    with pytest.raises(UnknownNameError, match="needs zerogravity"):
        host.find("agent", "zg-bad:any")


@pytest.mark.parametrize(
    "requirement",
    [
        "zerogravity",
        "zerogravity>=0.0.1",
        "zerogravity (what is this",
        "zerogravity>=99; python_version < '3'",
        "zerogravity>=99; extra == 'newest'",
        "zerogravity-extras>=99",
        "!!!",
    ],
)
def test_what_does_not_exclude_this_zerogravity_is_satisfied(
    site: Site, requirement: str
) -> None:
    site.install("zg-good", GOOD, requires=(requirement,))

    assert states(PluginHost.open(Config())) == {"zg-good": "active"}


# -- Strictness ----------------------------------------------------------------------


def test_a_strict_host_names_everything_that_is_wrong(site: Site) -> None:
    site.install("unrelated", entry_points="[any]\nno equals sign\n")
    site.install("zg-bad", EXITS)
    site.install("zg-odd", "x = 1")

    with pytest.raises(ConfigError) as caught:
        PluginHost.open(Config(plugins_strict=True))

    assert caught.value.exit_code == 3
    codes = [found["code"] for found in caught.value.details["diagnostics"]]
    assert set(codes) >= {"ZG101", "ZG201", "ZG204"}
    assert "ZG201 [zg-bad 1.0]" in caught.value.remedy


def test_a_clash_of_names_is_nothing_wrong(site: Site) -> None:
    for name in ("zg-one", "zg-two"):
        site.install(name, GOOD)
    host = PluginHost.open(Config())
    host.load_all()

    assert not [found for found in host.diagnostics if found.plugin != "builtin"]
