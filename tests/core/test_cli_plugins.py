"""``zg plugins`` and the lists always work, and say what is wrong, line by line."""

from __future__ import annotations

import json

import pytest
from calling import Caller
from installing import GOOD, Site

BAD = {
    "ZG101": ("", "[any]\nno equals sign\n"),
    "ZG201": ("import os\nprint('x')\nos.write(1, b'y')\nraise SystemExit(0)", None),
    "ZG202": (
        "import zg_core.plugin_api as zg\n"
        "@zg.hookimpl\ndef zg_register_agents(nope): return []",
        None,
    ),
    "ZG204": ("x = 1", None),
    "ZG211": (
        "import zg_core.plugin_api as zg\n"
        "@zg.hookimpl\nasync def zg_register_agents(): return []",
        None,
    ),
}


@pytest.fixture(autouse=True)
def good(site: Site) -> None:
    site.install("zg-good", GOOD)


def spoil(site: Site) -> None:
    for number, (code, entry_points) in enumerate(BAD.values()):
        site.install(f"zg-bad-{number}", code, entry_points=entry_points)


def test_every_plugin_has_a_row_and_every_fault_a_line(site: Site, zg: Caller) -> None:
    spoil(site)

    done = zg("plugins")

    assert done.code == 0
    rows = done.out.splitlines()
    states = {row.split()[0]: row.split()[2] for row in rows if row.startswith("zg-")}
    assert states == {
        "zg-bad-1": "broken",
        "zg-bad-2": "broken",
        "zg-bad-3": "active",
        "zg-bad-4": "degraded",
        "zg-good": "active",
    }
    assert "1 agent" in next(row for row in rows if row.startswith("zg-good"))
    noted = [line for line in done.err.splitlines() if " ZG" in line]
    codes = [line.split()[1] for line in noted if "[builtin" not in line]
    assert sorted(codes) == sorted(BAD)
    assert "Traceback" not in done.err


def test_the_document_is_the_same_each_time(site: Site, zg: Caller) -> None:
    spoil(site)

    documents = [zg("plugins", "--json").out for _ in range(2)]

    one, other = (
        json.loads(text, object_hook=lambda d: d | {"load_ms": 0}) for text in documents
    )
    assert json.dumps(one) == json.dumps(other)
    assert [found["code"] for found in one["diagnostics"]] == ["ZG101"]
    broken = next(p for p in one["plugins"] if p["id"] == "zg-bad-1")
    [found] = broken["diagnostics"]
    assert found["code"] == "ZG201"
    assert found["hint"] == "pip install -U zg-bad-1, or: zg -p no:zg-bad-1 …"


def test_what_is_strict_fails_after_it_said_everything(site: Site, zg: Caller) -> None:
    spoil(site)

    done = zg("--strict-plugins", "plugins")
    other = zg("--strict-plugins", "agents", "--json")

    assert done.code == other.code == 3
    assert all(code in done.err for code in BAD)
    told = other.document["error"]["diagnostics"]
    assert {found["code"] for found in told} >= set(BAD)


def test_what_hurts_can_be_switched_off_for_one_command(site: Site, zg: Caller) -> None:
    site.install("zg-bad", BAD["ZG201"][0])

    one = zg("-p", "no:zg-bad", "agents", "--json")
    strict = zg("--strict-plugins", "-p", "no:zg-bad", "plugins")
    none = zg("--no-plugins", "agents", "--json")
    typo = zg("-p", "no:zg-bda", "plugins")

    assert "zg-bad" not in one.err + strict.err
    assert "zg-good:goodie" in one.out
    assert "zg-good" not in none.out + none.err
    assert typo.code == 2
    assert "did you mean 'zg-bad'?" in typo.err


def test_a_list_shows_what_a_short_name_is_worth(site: Site, zg: Caller) -> None:
    site.install("zg-bad", GOOD.replace("zg_good", "zg_bad"))

    done = zg("agents", "--json")

    status = {a["qualified"]: a["status"] for a in done.document["agents"]}
    assert status["zg-good:goodie"] == status["zg-bad:goodie"] == "ambiguous"


def test_one_plugin_can_be_looked_at(site: Site, zg: Caller) -> None:
    site.install("zg-bad", "raise RuntimeError('here')")

    good, bad = zg("plugins", "show", "good"), zg("plugins", "show", "zg-bad")

    assert "agents       goodie" in good.out
    assert "hooks        zg_register_agents" in good.out
    assert "ZG201" in bad.out
    assert "zg_bad.py" in bad.out
    document = zg("plugins", "show", "zg-bad", "--json").document
    assert "RuntimeError: here" in document["plugins"][0]["traceback"]


@pytest.mark.parametrize("kind", ["tools", "providers", "classifiers", "workflows"])
def test_each_kind_has_a_list(zg: Caller, kind: str) -> None:
    done = zg(kind, "--json")

    assert done.code == 0
    assert isinstance(done.document[kind], list)


def test_a_workflow_is_shown_in_words_and_drawn(site: Site, zg: Caller) -> None:
    site.install(
        "zg-flow",
        """
        import zg_core.plugin_api as zg

        @zg.hookimpl
        def zg_register_workflows():
            steps = (
                zg.Step("plan", agent="goodie"),
                zg.Step("end", agent="zg-good:goodie", needs=("plan",)),
                zg.Step("look", agent="look", needs=("plan",)),
            )
            flow = zg.Workflow("flow", steps, description="Both.", routed=True)
            return [zg.WorkflowSpec(name="flow", workflow=flow)]
        """,
    )

    shown = zg("workflows", "show", "flow")
    drawn = zg("workflows", "show", "flow", "--mermaid")
    document = zg("workflows", "show", "flow", "--json").document

    assert "plan → (end ∥ look)" in shown.out
    assert drawn.out == f"{document['mermaid']}\n"
    assert document["mermaid"].splitlines() == [
        "flowchart TD",
        '    s1["plan: goodie"]',
        '    s2["end: goodie"]',
        '    s3["look"]',
        "    s1 --> s2",
        "    s1 --> s3",
    ]
    assert document["routed"]
    assert document["steps"][1]["needs"] == ["plan"]


def test_without_what_is_built_in_the_command_still_says_what_is_missing(
    site: Site,
) -> None:
    (site.folder / "zg_plugins_builtin.py").write_text("raise ImportError('gone')")

    version, listed = site.zg("--version"), site.zg("plugins")

    assert version.returncode == listed.returncode == 0
    assert "goodie" in site.zg("agents").stdout
    row = next(r for r in listed.stdout.splitlines() if r.startswith("builtin"))
    assert "broken" in row
    assert "pip install --force-reinstall zerogravity" in listed.stderr
    assert "plugins" in site.zg("--help").stdout
