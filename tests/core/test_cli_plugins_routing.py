"""``zg plugins check``: is an agent reached, and does it change other routes."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

import pytest
from calling import Called, Caller
from installing import Site

pytestmark = pytest.mark.heavy

SKY = """
    import zg_core.plugin_api as zg

    @zg.hookimpl
    def zg_register_agents():
        return [
            zg.AgentSpec(
                name="seer",
                factory=Seer,
                task_types=("weather",),
                examples="zg_sky:sky.jsonl",
            )
        ]

    class Seer:
        async def run(self, ctx):
            return zg.Reply(output="rain")
"""
RAIN = """\
{"text": "Will it rain?", "label": "weather"}
{"text": "Snow?", "label": "weather"}
"""
WEATHER = """
    import zg_core.plugin_api as zg

    @zg.hookimpl
    def zg_register_classifiers():
        return [zg.ClassifierSpec(name="topics", factory=Topics)]

    class Topics:
        async def classify(self, text):
            return zg.Label("weather", 0.9) if WORD in text.casefold() else None
"""


def checked(done: Called) -> Any:
    [plugin] = done.document["plugins"]
    return plugin


def test_an_agent_nobody_leads_to_is_said_to_be_reached_by_nothing(
    zg: Caller, site: Site
) -> None:
    site.install_with_files("zg-sky", SKY, sky=RAIN)

    done = zg("plugins", "check", "zg-sky", "--json")

    routing = checked(done)["routing"]
    assert (done.code, routing["problem"]) == (0, None)
    assert routing["agents"] == [{"agent": "zg-sky:seer", "examples": 2, "reached": 0}]
    assert routing["macro_f1"] == routing["macro_f1_without"] > 0


def test_a_classifier_that_knows_its_category_leads_to_it(
    zg: Caller, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.install_with_files("zg-sky", SKY, sky=RAIN)
    site.install_with_files("zg-topics", WEATHER.replace("WORD", "'rain?'"))
    monkeypatch.setenv("ZG_CLASSIFIER", "zg-topics:topics")

    done = zg("plugins", "check", "zg-sky")

    assert done.code == 0
    assert done.out.splitlines()[-1].startswith(
        "zg-sky: 1 of 2 examples reach agent zg-sky:seer; "
        "built-in set: unchanged (macro-F1 "
    )


def test_an_agent_that_takes_objectives_away_is_said_to_lower_the_score(
    zg: Caller, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes everything for weather; without the agent that is general."""
    site.install_with_files("zg-sky", SKY, sky=RAIN)
    site.install_with_files("zg-topics", WEATHER.replace("WORD", "''"))
    monkeypatch.setenv("ZG_CLASSIFIER", "zg-topics:topics")

    done = zg("plugins", "check", "zg-sky")

    assert "2 of 2 examples reach agent zg-sky:seer; " in done.out
    assert "built-in set: LOWER (macro-F1 0.1" in done.out


@pytest.mark.parametrize(
    ("classifier", "why"),
    [
        ("model", "the classifier builtin:model asks a model"),
        ("zg-sky:own", "there is no classifier named 'zg-sky:own'"),
        ("topics", "there is no classifier named 'topics'"),
    ],
)
def test_what_cannot_be_compared_is_said(
    classifier: str,
    why: str,
    zg: Caller,
    site: Site,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No model is asked, and no plugin loaded that nobody named."""
    site.install_with_files("zg-sky", SKY, sky=RAIN)
    site.install_with_files("zg-topics", "raise SystemExit")
    monkeypatch.setenv("ZG_CLASSIFIER", classifier)

    done = zg("plugins", "check", "zg-sky")

    assert done.code == 0
    assert f"zg-sky: how objectives are routed with it was not tried: {why}" in done.out


def test_a_plugin_whose_own_classifier_is_configured_is_not_compared(
    zg: Caller, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    topics = dedent(WEATHER.replace("WORD", "'rain?'")).partition("@zg.hookimpl")[2]
    site.install_with_files("zg-sky", f"{dedent(SKY)}\n@zg.hookimpl{topics}", sky=RAIN)
    monkeypatch.setenv("ZG_CLASSIFIER", "zg-sky:topics")

    done = zg("plugins", "check", "zg-sky")

    assert done.code == 0
    assert "not tried: the classifier zg-sky:topics is its own" in done.out


def test_an_agent_for_a_built_in_category_changes_no_route(
    zg: Caller, site: Site
) -> None:
    code = SKY.replace('("weather",)', '("technical",)')
    examples = '{"text": "Build a web application", "label": "technical"}\n'
    site.install_with_files("zg-sky", code, sky=examples)

    done = zg("plugins", "check", "zg-sky")

    assert (
        "0 of 1 examples reach agent zg-sky:seer; built-in set: unchanged" in done.out
    )


@pytest.mark.parametrize(
    ("examples", "problem"),
    [
        ("", "zg_sky:sky.jsonl has no examples"),
        ('{"text": "a", "label": "wether"}', "line 1: nothing is labelled 'wether'"),
        (None, "cannot be read: FileNotFoundError"),
    ],
)
def test_examples_of_no_use_are_a_fault_of_the_plugin(
    examples: str | None, problem: str, zg: Caller, site: Site
) -> None:
    site.install_with_files(
        "zg-sky", SKY, **({} if examples is None else {"sky": examples})
    )

    done = zg("plugins", "check", "zg-sky", "--json")

    plugin = checked(done)
    assert (done.code, plugin["routing"]) == (3, None)
    [found] = plugin["diagnostics"]
    assert found["code"] == "ZG212"
    assert problem in found["message"]
