"""A package cannot take what is another's by being called nearly the same."""

from __future__ import annotations

from importlib import invalidate_caches

import pytest
from calling import Caller
from installing import GOOD, Site

import zg_core as zg
from zg_core._choice import resolve_model
from zg_core.config import user_file
from zg_core.plugins import PluginHost

pytestmark = pytest.mark.heavy

TELLS = """
    import zg_core.plugin_api as zg

    got = []

    @zg.hookimpl
    def zg_configure(config):
        got.append(dict(config))

    @zg.hookimpl
    def zg_run_started(run):
        got.append(run.objective)
"""


def offers_provider(name: str) -> str:
    return f"""
        import zg_core.plugin_api as zg

        @zg.hookimpl
        def zg_register_providers():
            return [zg.ProviderSpec(name={name!r}, factory="x:y", default_model="m")]
    """


def test_a_further_plugin_gets_no_section_of_a_distribution_called_alike(
    site: Site,
) -> None:
    points = {"aaa": "other", "weather": "zg"}
    site.install("zg", TELLS, entry_points=points)
    (site.folder / "other.py").write_text("")
    config = zg.Config(plugins_config={"zg-weather": {"key": "sk-secret"}})

    host = PluginHost.open(config)
    host.load_all()

    assert "zg.weather" in {plugin.id for plugin in host.plugins}
    assert __import__("zg").got == [{}]
    assert dict(host.settings("zg.weather")) == {}


def test_nor_is_it_trusted_for_its_name(site: Site) -> None:
    site.install("zg", GOOD, entry_points={"aaa": "zg", "weather": "zg"})
    config = zg.Config(plugins_policy="allowlist", plugins_allow=("zg-weather",))

    states = {p.id: p.state for p in PluginHost.open(config).plugins}

    assert states == {
        "builtin": "discovered",
        "zg": "untrusted",
        "zg.weather": "untrusted",
    }


@pytest.mark.parametrize(
    ("disabled", "first", "second"),
    [
        ("weather", {"name": "zg-weather"}, {"name": "weather"}),
        (
            "greet",
            {"name": "acme-tools", "entry_points": {"greet": "acme_tools"}},
            {"name": "zz-tools", "entry_points": {"greet": "zz_tools"}},
        ),
    ],
)
def test_what_is_disabled_stays_so_whoever_takes_its_name(
    site: Site, disabled: str, first: dict[str, object], second: dict[str, object]
) -> None:
    config = zg.Config(plugins_disable=(disabled,))
    site.install(code=GOOD, **first)  # type: ignore[arg-type]
    before = PluginHost.open(config).named(str(first["name"]))
    site.install(code=GOOD, **second)  # type: ignore[arg-type]

    after = PluginHost.open(config).named(str(first["name"]))

    assert [p.state for p in (*before, *after)] == ["disabled", "disabled"]


def test_runs_are_told_only_to_the_observer_that_is_meant(
    site: Site, zg: Caller
) -> None:
    site.install("zg-play", GOOD)
    site.install("weather", TELLS)
    user_file().parent.mkdir(parents=True, exist_ok=True)
    user_file().write_text('[observers]\nenabled = ["zg-weather"]\n')

    called = zg("run", "x", "--agent", "goodie", "--json")

    assert called.code == 0
    assert "there is no plugin 'zg-weather'" in called.err
    assert __import__("weather").got == [{}]


def test_a_provider_is_not_taken_over_by_a_plugin_of_its_name(site: Site) -> None:
    site.install("zg-acme", offers_provider("acme"))
    assert (
        resolve_model("acme:gpt", PluginHost.open(zg.Config()))[0].plugin == "zg-acme"
    )
    site.install("acme", offers_provider("gpt"))
    invalidate_caches()

    host = PluginHost.open(zg.Config())

    with pytest.raises(zg.AmbiguousNameError, match="'acme:gpt' or of 'zg-acme:acme'"):
        resolve_model("acme:gpt", host)
    assert resolve_model("zg-acme:acme:gpt", host)[0].plugin == "zg-acme"
    alone = PluginHost.open(zg.Config(plugins_disable=("zg-acme",)))
    assert resolve_model("acme:gpt", alone)[0].qualified == "acme:gpt"


@pytest.mark.parametrize("where", ["", "@zg.hookimpl\ndef zg_register_agents():\n    "])
def test_a_cancellation_from_a_plugin_is_its_error(site: Site, where: str) -> None:
    code = f"import asyncio\nimport zg_core.plugin_api as zg\n{where}"
    site.install("zg-bad", f"{code}raise asyncio.CancelledError('no')")

    done = site.zg("plugins", "--json")

    assert done.returncode == 0, done.stderr
    assert "CancelledError: no" in done.stdout
    assert "quarantined" not in site.zg("plugins").stdout
