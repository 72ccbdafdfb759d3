"""What a plugin says of itself in a manifest is known without importing it.

One file, since reading, showing and loading tell of the same manifest.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from calling import Caller
from installing import GOOD, Site

import zg_core as zg
from zg_core._secrets import Secrets
from zg_core.cli import main
from zg_core.errors import AmbiguousNameError, PluginError, UnknownNameError
from zg_core.plugins import PluginHost, PluginRecord
from zg_core.plugins.manifests.format import drift, manifest_of, manifest_text
from zg_core.registry import Contribution
from zg_core.running.classifying import classifying
from zg_core.running.traffic import Traffic

pytestmark = pytest.mark.heavy

FATAL = "import os\nprint('imported')\nos._exit(3)"
EVERYTHING: dict[str, Any] = {
    "manifest_version": 1,
    "api": 1,
    "contributes": {
        "agents": [{"name": "seer", "description": "Sees.", "task_types": ["weather"]}],
        "tools": [{"name": "look", "risk": "high", "capabilities": ["network"]}],
        "providers": [{"name": "cloud", "env": ["CLOUD_KEY"]}],
        "classifiers": [{"name": "guess", "labels": ["weather"]}],
        "exporters": [{"name": "tell", "signals": ["metrics"]}],
        "guardrails": [{"name": "check", "stages": ["input"]}],
        "workflows": [{"name": "forecast", "steps": ["see", "say"]}],
        "journals": [{"name": "paper"}],
        "runtimes": [{"name": "cluster"}],
        "commands": [{"name": "sky", "description": "Show the sky."}],
        "oracles": [{"name": 42}],
    },
    "capabilities": ["env:CLOUD_KEY", "network"],
    "from_the_future": True,
}
AGENTS: dict[str, Any] = {
    "manifest_version": 1,
    "api": 1,
    "contributes": {"agents": [{"name": "goodie", "description": "Is good."}]},
}
OTHERWISE = GOOD.replace("goodie", "otherwise")


def opened(**config: Any) -> PluginHost:
    return PluginHost.open(zg.Config(**config))


def imported(*modules: str) -> set[str]:
    return set(modules) & set(sys.modules)


def record(host: PluginHost, plugin: str) -> PluginRecord:
    return next(found for found in host.plugins if found.id == plugin)


def codes(host: PluginHost, plugin: str) -> list[str]:
    return [found.code for found in record(host, plugin).diagnostics]


# -- Listing -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "details"),
    [
        ("agent", {"name": "seer", "description": "Sees.", "task_types": ["weather"]}),
        ("tool", {"name": "look", "risk": "high", "effect": "none"}),
        ("provider", {"name": "cloud", "default_model": None, "free": False}),
        ("classifier", {"name": "guess", "labels": ["weather"], "deprecated": None}),
        ("workflow", {"name": "forecast", "steps": ["see", "say"]}),
    ],
)
def test_a_list_shows_what_a_manifest_says_and_imports_nothing(
    site: Site, zg: Caller, kind: str, details: dict[str, Any]
) -> None:
    site.install("zg-sky", FATAL, manifest=EVERYTHING)

    in_words, document = zg(f"{kind}s"), zg(f"{kind}s", "--json").document

    assert in_words.code == 0
    assert f"zg-sky:{details['name']}" in in_words.out
    [mine] = [row for row in document[f"{kind}s"] if row["plugin"] == "zg-sky"]
    assert mine.items() >= (details | {"status": "active"}).items()
    assert imported("zg_sky") == set()


def test_every_kind_is_known_from_the_manifest(site: Site) -> None:
    site.install("zg-sky", FATAL, manifest=EVERYTHING)
    host = opened()

    assert {k: list(v) for k, v in record(host, "zg-sky").contributes.items()} == {
        kind.removesuffix("s"): [item["name"] for item in items]
        for kind, items in EVERYTHING["contributes"].items()
        if kind != "oracles"
    }
    document = record(host, "zg-sky").document()
    assert document["capabilities"] == ["env:CLOUD_KEY", "network"]
    assert document["manifest"]
    assert not document["loaded"]


UNSEEN = "a\x1b\u202e\udc80b"


@pytest.mark.parametrize("listed_from", ["manifest", "code"])
def test_no_text_that_is_listed_can_spoil_a_terminal_or_be_no_text(
    site: Site, zg: Caller, listed_from: str
) -> None:
    texts = {"deprecated": UNSEEN, "overrides": UNSEEN}
    lists = {"task_types": [UNSEEN], "capabilities": [UNSEEN]}
    code = GOOD.replace('name="goodie"', f'name="goodie", **{ {**texts, **lists} }')
    manifest = {
        **AGENTS,
        "contributes": {"agents": [{"name": "goodie", **texts, **lists}]},
        "capabilities": [UNSEEN],
    }
    from_manifest = listed_from == "manifest"
    site.install(
        "zg-good", code, manifest=json.dumps(manifest) if from_manifest else None
    )

    [row] = [
        a for a in zg("agents", "--json").document["agents"] if a["name"] == "goodie"
    ]
    [plugin] = [
        p for p in zg("plugins", "--json").document["plugins"] if p["id"] == "zg-good"
    ]

    assert {row[name] for name in texts} == {"a  ?b"}
    assert [row[name] for name in lists] == [["a  ?b"]] * 2
    assert plugin["capabilities"] == ["a  ?b"] * from_manifest


def test_the_plugins_are_listed_without_importing_those_with_a_manifest(
    site: Site, zg: Caller
) -> None:
    site.install("zg-sky", FATAL, manifest=EVERYTHING)
    site.install("zg-good", GOOD)
    site.install("zg-bad", "raise SystemExit(0)")

    done = zg("plugins")

    rows = {row.split()[0]: row for row in done.out.splitlines() if row.strip()}
    assert rows["zg-sky"].split()[2] == "discovered"
    assert "1 workflow 1 journal 1 runtime 1 command (manifest)" in rows["zg-sky"]
    assert rows["zg-good"].split()[2:5] == ["active", "1", "agent"]
    assert rows["zg-bad"].split()[2] == "broken"
    assert done.code == 0


def test_looking_at_one_plugin_loads_that_one(site: Site, zg: Caller) -> None:
    site.install("zg-good", GOOD, manifest=AGENTS)
    site.install("zg-sky", FATAL, manifest=EVERYTHING)

    shown = zg("plugins", "show", "zg-good")

    assert "zg-good 1.0: active" in shown.out
    assert "zg_good:zg_plugin.json" in shown.out
    assert imported("zg_good", "zg_sky") == {"zg_good"}


def test_help_shows_commands_of_manifests_by_the_names_they_have(
    site: Site, zg: Caller
) -> None:
    site.install("zg-sky", FATAL, manifest=EVERYTHING)
    taken = {"contributes": {"commands": [{"name": "run", "description": "Mine."}]}}
    site.install("zg-bold", FATAL, manifest=AGENTS | taken)

    top, x = zg("--help"), zg("x", "--help")

    assert "Show the sky." in top.out
    assert "Mine." not in top.out
    assert "zg-bold:run" in x.out
    assert "zg-sky:sky" in x.out
    assert imported("zg_sky", "zg_bold") == set()


def test_help_works_whatever_is_configured(
    site: Site, zg: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.install("zg-sky", FATAL, manifest=EVERYTHING)
    monkeypatch.setenv("ZG_STRICT_PLUGINS", "perhaps")

    done = zg("--help")

    assert done.code == 0
    assert "models" in done.out


def test_a_shell_completes_names_of_manifests_and_imports_nothing(
    site: Site, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    site.install("zg-sky", FATAL, manifest=EVERYTHING)
    site.install("zg-two", FATAL, manifest=EVERYTHING | {"api": 99})
    site.install("zg-bad", FATAL)
    monkeypatch.setenv("_ZG_COMPLETE", "bash_complete")

    def completed(words: str) -> list[str]:
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(words.count(" ")))
        with pytest.raises(SystemExit):
            main([])
        return [line.split(",")[1] for line in capfd.readouterr().out.splitlines()]

    assert completed("zg sk") == ["sky"]
    assert completed("zg --strict") == ["--strict-plugins"]
    assert completed("zg x zg-") == ["zg-sky:sky"]
    assert "zg-sky:sky" in completed("zg x zg-sky:sky ")
    assert completed("zg run --agent se") == ["seer"]
    assert completed("zg route --classifier g") == ["guess"]
    assert completed("zg workflows show fore") == ["forecast"]


def test_a_plugin_that_would_end_the_process_is_listed_by_a_process(
    site: Site,
) -> None:
    site.install("zg-sky", FATAL, manifest=EVERYTHING)

    for words in (["agents"], ["plugins", "--json"], ["--help"]):
        done = site.zg(*words)

        assert done.returncode == 0
        assert "imported" not in done.stdout + done.stderr


# -- Naming --------------------------------------------------------------------------


def test_naming_a_thing_loads_the_plugin_that_has_it(site: Site) -> None:
    site.install("zg-good", GOOD, manifest=AGENTS)
    site.install("zg-sky", FATAL, manifest=EVERYTHING)
    host = opened()

    found = host.find("agent", "goodie")

    assert isinstance(found.spec, zg.AgentSpec)
    assert found.qualified == "zg-good:goodie"
    assert imported("zg_good", "zg_sky") == {"zg_good"}


def test_a_name_nobody_has_loads_only_those_without_a_manifest(site: Site) -> None:
    site.install("zg-other", OTHERWISE)
    site.install("zg-sky", FATAL, manifest=EVERYTHING)
    host = opened()

    with pytest.raises(UnknownNameError, match="'seeer'") as caught:
        host.find("agent", "seeer")

    assert caught.value.remedy == "did you mean 'seer'?"
    assert imported("zg_other", "zg_sky") == {"zg_other"}


@pytest.mark.parametrize("first", [None, AGENTS, ""])
@pytest.mark.parametrize("second", [None, AGENTS, ""])
def test_what_a_name_means_is_the_same_with_manifests_and_without(
    site: Site, first: Any, second: Any
) -> None:
    site.install("zg-good", GOOD, manifest=first)
    site.install("zg-two", GOOD, manifest=second)
    site.install("zg-other", OTHERWISE, manifest=first)
    host = opened()

    with pytest.raises(AmbiguousNameError, match="zg-good:goodie, zg-two:goodie"):
        host.find("agent", "goodie")
    assert host.find("agent", "zg-two:goodie").plugin == "zg-two"
    assert host.find("agent", "architect").plugin == "builtin"
    assert host.find("agent", "zg-other:otherwise").plugin == "zg-other"


def test_lists_tell_what_a_short_name_is_worth_from_manifests(
    site: Site, zg: Caller
) -> None:
    named = {"contributes": {"agents": [{"name": "goodie"}, {"name": "architect"}]}}
    site.install("zg-one", FATAL, manifest=AGENTS)
    site.install("zg-two", FATAL, manifest=AGENTS | named)

    rows = zg("agents", "--json").document["agents"]

    status = {row["qualified"]: row["status"] for row in rows}
    assert status["zg-one:goodie"] == status["zg-two:goodie"] == "ambiguous"
    assert status["zg-two:architect"] == "shadowed"
    assert status["builtin:architect"] == "active"


def test_a_run_of_what_is_built_in_imports_no_other_plugin(
    site: Site, wire: str
) -> None:
    site.install("zg-sky", FATAL, manifest=EVERYTHING)
    site.install("zg-bad", FATAL)
    model = {"OPENAI_BASE_URL": f"{wire}/v1", "OPENAI_API_KEY": "sk-none"}

    done = site.zg("run", "--model", "openai:gpt-5", "Build a site", **model)

    assert done.returncode == 0, done.stderr
    assert "imported" not in done.stdout + done.stderr


# -- Routing -------------------------------------------------------------------------

CLASSIFIER = """
    import zg_core.plugin_api as zg

    @zg.hookimpl
    def zg_register_classifiers():
        return [zg.ClassifierSpec(name="always", factory=Always)]

    class Always:
        async def classify(self, text):
            return zg.Label("weather", 1.0, "always")
"""


def routed(host: PluginHost) -> tuple[str, tuple[str, ...]]:
    async def ask() -> Any:
        config = zg.Config(classifier="zg-always:always")
        async with classifying(config, host, Traffic(), Secrets(), None, None) as asked:
            return await asked.route("Will it rain?")

    chosen = anyio.run(ask)
    return chosen.label, chosen.agents


def test_routing_asks_manifests_and_loads_the_agents_it_chooses(site: Site) -> None:
    site.install("zg-always", CLASSIFIER, manifest={**AGENTS, "contributes": {}})
    code = GOOD.replace('"goodie"', '"seer", task_types=["weather"]')
    site.install("zg-sky", code, manifest=EVERYTHING)
    site.install("zg-good", FATAL, manifest=AGENTS)

    assert routed(opened()) == ("weather", ("zg-sky:seer",))


def test_an_agent_that_is_only_said_to_be_there_is_not_chosen(site: Site) -> None:
    site.install("zg-always", CLASSIFIER)
    site.install("zg-sky", "raise SystemExit(0)", manifest=EVERYTHING)

    label, agents = routed(opened())

    assert label == "general"
    assert "builtin:architect" in agents


# -- Manifests that cannot be used ---------------------------------------------------


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        ("", "is not installed"),
        ("{", "cannot be read: JSONDecodeError"),
        ('{"api": NaN}', "cannot be read: ValueError: NaN is no JSON"),
        ('{"api": 1e999}', "cannot be read: ValueError: 1e999 is too large a number"),
        ("[" * 100_000, "cannot be read: RecursionError"),
        (" " * 1_000_001, "more than 1,000,000 bytes"),
        ("[]", "it is [], not object"),
        ({"api": 1}, "lacks 'manifest_version', 'contributes'"),
        (AGENTS | {"api": True}, "api is True, not integer"),
        (AGENTS | {"manifest_version": 2}, "manifest_version is 2, not 1"),
        (
            AGENTS | {"contributes": {"tools": [{"name": "Bad Name"}]}},
            "contributes.tools[0].name is 'Bad Name'",
        ),
        (
            AGENTS | {"contributes": {"agents": [{"name": "none"}]}},
            "which it may not be",
        ),
        (
            AGENTS | {"contributes": {"agents": [{"name": "x"}] * 1001}},
            "has 1,001 items",
        ),
    ],
    ids=range(13),
)
def test_a_manifest_that_cannot_be_used_is_noted_and_the_plugin_works(
    site: Site, manifest: Any, said: str
) -> None:
    site.install("zg-good", GOOD, manifest=manifest)
    host = opened()

    assert [c.qualified for c in host.all("agent") if not c.builtin] == [
        "zg-good:goodie"
    ]
    good = record(host, "zg-good")
    assert good.state == "active"
    [found] = good.diagnostics
    assert found.code == "ZG111"
    assert found.severity == "warning"
    assert said in found.message


def test_a_long_manifest_is_read_whole(site: Site) -> None:
    many = [{"name": f"a{n}", "description": "Long." * 20} for n in range(1000)]
    site.install("zg-many", FATAL, manifest=AGENTS | {"contributes": {"agents": many}})

    assert len(record(opened(), "zg-many").contributions) == 1000


def test_a_manifest_that_cannot_be_looked_for_is_noted(site: Site) -> None:
    site.install(
        "zg-good",
        GOOD,
        entry_points="[zerogravity.plugins]\na = zg_good\n"
        "[zerogravity.manifests]\na = ../../etc:passwd\nb = unused:x.json\n",
    )
    host = opened()

    assert host.find("agent", "goodie").plugin == "zg-good"
    assert codes(host, "zg-good") == ["ZG111"]


def test_strict_mode_allows_no_manifest_that_cannot_be_used(
    site: Site, zg: Caller
) -> None:
    site.install("zg-good", GOOD, manifest="")

    done = zg("--strict-plugins", "agents")

    assert done.code == 3
    assert "ZG111" in done.err


@pytest.mark.parametrize("more", [{}, {"manifest_version": 7, "contributes": 5}])
def test_a_plugin_for_another_api_is_never_imported(
    site: Site, zg: Caller, more: dict[str, Any]
) -> None:
    site.install("zg-new", FATAL, manifest=AGENTS | {"api": 99} | more)

    plugins = zg("plugins", "--json").document["plugins"]

    new = next(plugin for plugin in plugins if plugin["id"] == "zg-new")
    assert new["state"] == "incompatible"
    [found] = new["diagnostics"]
    assert found["code"] == "ZG121"
    assert "plugin API 99" in found["message"]
    assert found["hint"] == "pip install -U zerogravity"


# -- What is there and does not work -------------------------------------------------


def test_what_plugins_that_do_not_work_would_offer_is_listed_with_the_reason(
    site: Site, zg: Caller
) -> None:
    site.install("zg-new", FATAL, manifest=AGENTS | {"api": 99})
    site.install("zg-off", FATAL, manifest=AGENTS)

    done = zg("-p", "no:zg-off", "agents", "--json")
    in_words = zg("-p", "no:zg-off", "agents")

    rows = {row["qualified"]: row for row in done.document["agents"]}
    assert rows["zg-new:goodie"]["status"] == "unavailable"
    assert "plugin API 99" in rows["zg-new:goodie"]["reason"]
    assert rows["zg-off:goodie"]["reason"] == "disabled"
    assert "unavailable: disabled" in in_words.out
    assert "unavailable: incompatible" in in_words.out


def test_a_name_is_not_taken_by_what_does_not_work(site: Site) -> None:
    site.install("zg-good", GOOD, manifest=AGENTS)
    site.install("zg-new", FATAL, manifest=AGENTS | {"api": 99})
    site.install("zg-bad", "raise SystemExit(0)", manifest=AGENTS)

    assert opened().find("agent", "goodie").plugin == "zg-good"


def test_a_plugin_whose_import_fails_is_found_out_when_it_is_used(site: Site) -> None:
    site.install("zg-bad", "raise SystemExit(0)", manifest=AGENTS)
    host = opened()
    assert host.standing(host.all("agent")[-1]) == "active"

    with pytest.raises(UnknownNameError, match="import of 'zg_bad' failed"):
        host.find("agent", "zg-bad:goodie")

    assert codes(host, "zg-bad") == ["ZG201"]
    assert [offer.plugin for offer, _ in host.unavailable("agent")] == ["zg-bad"]
    assert "zg-bad" not in {offer.plugin for offer in host.all("agent")}


# -- Drift ---------------------------------------------------------------------------


def test_the_code_wins_over_the_manifest_and_the_difference_is_noted(
    site: Site,
) -> None:
    site.install("zg-good", OTHERWISE, manifest=AGENTS)
    host = opened()
    assert [c.name for c in host.all("agent") if not c.builtin] == ["goodie"]
    assert codes(host, "zg-good") == []

    assert host.find("agent", "zg-good:otherwise").name == "otherwise"

    assert [c.name for c in host.all("agent") if not c.builtin] == ["otherwise"]
    [found] = record(host, "zg-good").diagnostics
    assert found.code == "ZG214"
    assert "it lacks the agent 'otherwise'" in found.message
    assert "the code does not offer the agent 'goodie'" in found.message
    with pytest.raises(UnknownNameError):
        host.find("agent", "goodie")


def test_a_manifest_in_step_is_no_news(site: Site) -> None:
    site.install("zg-good", GOOD, manifest=AGENTS)
    host = opened()
    host.load_all()

    assert codes(host, "zg-good") == []
    assert record(host, "zg-good").state == "active"


def test_what_fails_in_the_code_is_not_called_drift(site: Site) -> None:
    site.install("zg-good", GOOD.replace("return [", "return 1, ["), manifest=AGENTS)
    host = opened()
    host.load_all()

    assert set(codes(host, "zg-good")) == {"ZG212"}


# -- Where it is ---------------------------------------------------------------------


def working_copy(site: Site, tmp_path: Path, package: str, code: str = FATAL) -> Path:
    """Install a working copy, as the ``.pth`` file of an editable install does."""
    folder = tmp_path.joinpath("src", *package.split("."))
    folder.mkdir(parents=True)
    for place in (folder, *folder.parents):
        if place == tmp_path / "src":
            break
        (place / "__init__.py").write_text(code)
    (folder / "zg_plugin.json").write_text(json.dumps(AGENTS))
    site.install(
        "zg-edit",
        entry_points=f"[zerogravity.plugins]\nedit = {package}.plugin\n"
        f"[zerogravity.manifests]\nedit = {package}:zg_plugin.json\n",
    )
    return tmp_path / "src"


@pytest.mark.parametrize("package", ["zg_edit", "zg_edit.inner"])
def test_the_manifest_of_a_working_copy_is_found_without_importing_it(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.syspath_prepend(str(working_copy(site, tmp_path, package)))

    host = opened()

    assert [c.name for c in record(host, "zg-edit").contributions] == ["goodie"]
    assert imported("zg_edit", "zg_edit.inner") == set()


def test_each_entry_point_of_a_distribution_has_its_own_manifest(site: Site) -> None:
    site.install("zg-two", FATAL, manifest=AGENTS)
    (site.folder / "zg_two" / "other.json").write_text(json.dumps(EVERYTHING))
    (site.folder / "zg_two-1.0.dist-info" / "entry_points.txt").write_text(
        "[zerogravity.plugins]\none = zg_two\nTwo = zg_two\nthree = zg_two\n"
        "[zerogravity.manifests]\ntwo = zg_two:other.json\none = zg_two:zg_plugin.json"
    )
    host = opened(plugins_disable=("zg-two.three",))

    has = {p.id: len(p.contributions) for p in host.plugins if not p.builtin}
    assert has == {"zg-two": 1, "zg-two.three": 0, "zg-two.two": 10}


# -- Writing -------------------------------------------------------------------------


def test_the_manifest_of_a_plugin_says_what_is_not_as_usual(site: Site) -> None:
    site.install(
        "zg-good",
        """
        import zg_core.plugin_api as zg

        @zg.hookimpl
        def zg_register_tools():
            look = zg.ToolSpec(
                name="look",
                description="Look.",
                function=len,
                effect="read",
                capabilities=frozenset({"network", "files"}),
            )
            return [zg.ToolSpec(name="run", function=len), look]

        @zg.hookimpl
        def zg_register_providers():
            detect = zg.Detect(env=("CLOUD_KEY",))
            return [
                zg.ProviderSpec(name="c", factory="a:b", env=("KEY",), detect=detect)
            ]
        """,
    )
    host = opened()
    host.load("zg-good")

    document = manifest_of(record(host, "zg-good").contributions, 1)

    assert document == {
        "manifest_version": 1,
        "api": 1,
        "contributes": {
            "tools": [
                {
                    "name": "look",
                    "description": "Look.",
                    "effect": "read",
                    "capabilities": ["files", "network"],
                },
                {"name": "run"},
            ],
            "providers": [
                {
                    "name": "c",
                    "detect": {"env": ["CLOUD_KEY"], "module": None, "url": None},
                    "env": ["KEY"],
                }
            ],
        },
        "capabilities": ["env:KEY", "files", "network"],
    }
    assert json.loads(manifest_text(document)) == document


def test_a_spec_that_no_manifest_can_hold_is_named() -> None:
    spec = zg.AgentSpec(name="a", factory="a:b", overrides=5)  # type: ignore[arg-type]

    with pytest.raises(PluginError, match=r"contributes.agents\[0\].overrides is 5"):
        manifest_of([Contribution("agent", spec, "zg-a")], 1)


def test_drift_says_what_a_manifest_lacks_and_what_it_has_too_much() -> None:
    offered = [
        Contribution("agent", zg.AgentSpec(name="new", factory="a:b"), "zg-a"),
        Contribution("tool", zg.ToolSpec(name="goodie", function=len), "zg-a"),
    ]

    assert drift(AGENTS, offered) == (
        (("agent", "new"), ("tool", "goodie")),
        (("agent", "goodie"),),
    )
    assert drift(manifest_of(offered, 1), offered) == ((), ())
