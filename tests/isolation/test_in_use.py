"""What a bad plugin offers fails where it is used, and nowhere else.

One file, since it is one column of the table of failures.
"""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest
from calling import Called
from installing import Site
from isolation.bad_plugins import of_row
from isolation.judging import (
    Installation,
    Outcome,
    Reference,
    check_lines,
    check_quiet,
    lines_of,
)
from isolation.packages import Package

import zg_core

pytestmark = pytest.mark.heavy


def cause(called: Called) -> str:
    return str(called.document["error"]["cause"])


@pytest.fixture
def healthy(installation: Installation, reference: Reference) -> Outcome:
    """What the healthy agent does where nothing bad is installed."""
    return reference("goodie", installation)


# -- F3: what takes the process down ---------------------------------------------------


def test_what_took_the_process_down_is_kept_out_until_it_is_let_in_again(
    installation: Installation,
) -> None:
    [exits, *_] = of_row("F3")
    installation.add(exits)

    fatal = [installation.zg("agents") for _ in range(2)]
    kept_out = installation.zg("plugins", "reset", "zg-bad", "--json")
    again = installation.zg("agents")

    assert [called.code for called in fatal] == [7, 0]
    assert kept_out.code == 0
    assert again.code == 7


def test_another_version_or_place_of_it_gets_a_chance_of_its_own(
    installation: Installation, tmp_path: Path
) -> None:
    [exits, *_] = of_row("F3")
    exits.install(Site(tmp_path / "elsewhere"))
    installation.add(exits)
    installation.learn(exits)

    elsewhere = installation.zg("agents", PYTHONPATH=str(tmp_path / "elsewhere"))
    shutil.rmtree(installation.site.folder / "zg_bad-1.0.dist-info")
    installation.add(replace(exits, version="1.1", code="x = 1"))
    newer = installation.zg("plugins")

    assert elsewhere.code == 7
    assert "zg-bad   1.1      active" in newer.out


def test_before_it_is_known_the_plugin_can_be_switched_off(
    installation: Installation,
) -> None:
    for bad in of_row("F3"):
        installation.add(bad, f"zg-{bad.case.split()[-1].lower()}")
    names = [
        p.name.partition("-1.0")[0] for p in installation.site.folder.glob("*-info")
    ]
    off = [word for n in names if n != "zg_good" for word in ("-p", f"no:{n}")]

    assert installation.zg(*off, "run", "Say hi", "--agent", "goodie").code == 0
    assert installation.zg("--no-plugins", "plugins").code == 0
    assert installation.zg("run", "Say hi", "--agent", "zg-good:goodie").code == 0


def test_a_slow_import_is_named_with_the_option_that_skips_it(
    installation: Installation,
) -> None:
    installation.add(replace(of_row("F3")[0], code="import time\ntime.sleep(3.3)\n"))

    listed = installation.zg("plugins")

    assert "still importing zg-bad (3 s); disable with -p no:zg-bad" in listed.err
    assert listed.code == 0
    assert "zg-bad   1.0      active" in listed.out


# -- F17, F18: names -------------------------------------------------------------------


def test_a_built_in_name_stays_what_it_was_and_the_other_can_be_qualified(
    installation: Installation,
) -> None:
    [robber] = of_row("F17")
    installation.add(robber)

    called, _ = installation.run("zg-bad:architect")
    [listed] = [
        agent
        for agent in installation.zg("agents", "--json").document["agents"]
        if agent["qualified"] == "zg-bad:architect"
    ]

    assert called.document["result"] == "robbed"
    assert called.document["model_reason"] == "from environment ZG_MODEL"
    assert listed["status"] == "shadowed"
    assert lines_of(called) == []


def test_of_two_of_a_name_neither_is_meant_and_both_are_named(
    installation: Installation,
) -> None:
    [rival] = of_row("F18")
    installation.add(rival)

    called = installation.zg("run", "Say hi", "--agent", "shared")
    one, _ = installation.run("zg-bad:shared")
    other, _ = installation.run("zg-bad-rival:shared")

    assert called.code == 2
    assert "zg-bad:shared, zg-bad-rival:shared" in called.err
    assert one.document["result"] == "sound"
    assert other.document["result"] == "rival"


# -- F25, F26: manifests ---------------------------------------------------------------


def test_without_its_manifest_a_plugin_is_imported_and_works(
    installation: Installation,
) -> None:
    for bad in of_row("F25"):
        installation.add(bad, f"zg-{bad.case.split()[-1].lower()}")

    called, _ = installation.run("zg-json:sound")

    assert called.document["result"] == "sound"
    assert len([line for line in lines_of(called) if "ZG111" in line]) == 3


def test_where_manifest_and_code_differ_the_code_counts(
    installation: Installation,
) -> None:
    [drifted] = of_row("F26")
    installation.add(drifted)

    called, _ = installation.run("zg-bad:sound")
    gone = installation.zg("run", "Say hi", "--agent", "zg-bad:gone", "--json")

    assert called.document["result"] == "sound"
    [line] = lines_of(called)
    assert "ZG214 [zg-bad 1.0]" in line
    assert "it lacks the agent 'sound'" in line
    assert "the code does not offer the agent 'gone'" in line
    assert gone.code == 2


# -- F27, F28: factories ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "agent", "why"),
    [
        ("F27", "lazybad", "LookupError: no such luck"),
        ("F27", "gone", "ModuleNotFoundError: No module named 'zg_bad.nowhere'"),
        ("F27", "exits", "SystemExit: 0"),
        ("F28", "still", "its factory made <zg_bad.Still object at "),
        ("F28", "deaf", "its `run` does not take the 1 argument(s) it gets"),
        ("F28", "late", "its factory is `async def`, and must be plain"),
    ],
)
def test_what_cannot_be_made_fails_when_it_is_used(
    installation: Installation, row: str, agent: str, why: str
) -> None:
    [bad] = of_row(row)
    installation.add(bad)

    called = installation.zg("run", "Say hi", "--agent", agent)

    assert called.code == 1
    assert f"agent {agent!r} from zg-bad 1.0 could not be created: {why}" in called.err
    assert "zg -p no:zg-bad" in called.err
    check_quiet(called)


# -- F29, F30: what importing does besides ---------------------------------------------


def test_what_a_plugin_prints_goes_to_standard_error(
    installation: Installation,
) -> None:
    installation.add(of_row("F29")[0])

    called, _ = installation.run("goodie")

    assert called.document["result"] == "good"
    for text in (
        "printed at import",
        "written at import",
        "by a child",
        "kept and written",
        "printed in a hook",
    ):
        assert text in called.err


def test_side_effects_of_importing_are_reported_when_asked_for(
    installation: Installation,
) -> None:
    installation.add(of_row("F30")[0])

    called = installation.zg("plugins", "check", "zg-bad")

    said = "\n".join(
        line for line in lines_of(called) if "warning ZG301 [zg-bad 1.0] " in line
    )
    for changed in (
        "sets the environment variable OPENAI_MODEL",
        "changes sys.path",
        "changes the root logger",
        "changes the filters of warnings",
        "changes the event loop policy",
        "handles the signal SIGUSR1",
        "replaces zg_core.errors.LimitError",
    ):
        assert changed in said
    check_quiet(called)


# -- F31 to F33: what the user enabled -------------------------------------------------


def test_an_observer_that_fails_changes_nothing_and_is_switched_off(
    installation: Installation, healthy: Outcome
) -> None:
    installation.add(of_row("F31")[0])
    installation.configure('observers.enabled = ["zg-bad"]\n')

    called, outcome = installation.run("goodie")

    assert outcome == healthy
    [line] = lines_of(called)
    assert line.startswith("warning ZG221 [zg-bad 1.0] ")
    check_quiet(called)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("import time; time.sleep(3600)", id="plain"),
        pytest.param("import asyncio; await asyncio.Event().wait()", id="async"),
    ],
)
def test_an_observer_that_hangs_holds_nothing_up(
    installation: Installation, healthy: Outcome, body: str
) -> None:
    head = "async def" if "await" in body else "def"
    code = f"@zg.hookimpl\n{head} zg_step_started():\n    {body}\n"
    installation.add(replace(of_row("F31")[0], code=code))
    installation.configure('observers.enabled = ["zg-bad"]\n')
    began = time.monotonic()

    called, outcome = installation.run("goodie")

    assert outcome == healthy
    assert time.monotonic() - began < 20
    [line] = lines_of(called)
    assert line.startswith("warning ZG221 [zg-bad 1.0] ")


@pytest.mark.parametrize("name", ["raising", "nonsense", "endless", "stuck"])
def test_a_guardrail_that_fails_blocks_unless_the_user_says_otherwise(
    installation: Installation, healthy: Outcome, name: str
) -> None:
    installation.add(of_row("F32")[0])
    guardrail = f'guardrails.enabled = ["zg-bad:{name}"]\n'
    options = f'guardrails."zg-bad:{name}".timeout_seconds = 0.2\n'
    installation.configure(guardrail + options)
    blocked = installation.zg("run", "Say hi", "--agent", "goodie", "--json")
    installation.configure(
        f'{guardrail}{options}guardrails."zg-bad:{name}".on_error = "allow"\n'
    )

    allowed, _ = installation.run("goodie")

    assert blocked.code == 1
    assert f"zg-bad:{name}" in cause(blocked)
    assert allowed.code == 0
    assert allowed.document["result"] == "good"
    check_quiet(blocked)
    check_quiet(allowed)


@pytest.mark.parametrize("name", ["raising", "blocking"])
def test_an_exporter_that_is_down_holds_nothing_up(
    installation: Installation, healthy: Outcome, name: str
) -> None:
    installation.add(of_row("F33")[0])
    installation.configure(f'exporters.enabled = ["zg-bad:{name}"]\n')
    began = time.monotonic()

    called, outcome = installation.run("goodie")

    assert outcome == healthy
    assert time.monotonic() - began < 20
    check_quiet(called)


# -- F34: tools ------------------------------------------------------------------------


def test_a_tool_that_fails_is_a_result_that_says_so_and_the_run_goes_on(
    installation: Installation,
) -> None:
    installation.add(of_row("F34")[0])

    called, outcome = installation.run("caller")

    said = called.document["result"]
    assert called.code == 0
    assert "SystemExit" in said["exits"]
    assert "no Exception" in said["raises"]
    assert "JSON" in said["odd"]
    assert "100,000,002 bytes; 1,000,000 is most" in said["huge"]
    for name in ("exits", "raises", "odd", "huge"):
        assert f'"tool": "zg-bad:{name}"' in outcome.record
    assert len(outcome.record) < 100_000
    check_quiet(called)


# -- F35, F36: what the user says ------------------------------------------------------


@pytest.mark.parametrize(
    "environ", [{}, {"ZG_PLUGINS_DISABLE": "zg-good"}, {"ZG_PLUGINS_DISABLE": "what"}]
)
@pytest.mark.parametrize("option", ["zg-goood", "no:zg-goood"])
def test_a_plugin_that_a_command_names_must_be_there(
    installation: Installation, option: str, environ: dict[str, str]
) -> None:
    called = installation.zg("-p", option, "agents", **environ)

    assert called.code == 2
    assert "there is no plugin named 'zg-goood'" in called.err
    assert "did you mean 'zg-good'?" in called.err


def test_a_plugin_that_is_locked_and_is_not_there_is_warned_of(
    installation: Installation,
) -> None:
    Package(name="zg-gone", code="x = 1").install(installation.site)
    installation.zg("plugins", "lock")
    shutil.rmtree(installation.site.folder / "zg_gone-1.0.dist-info")

    listed = installation.zg("--locked", "plugins", "--json")
    strict = installation.zg("--locked", "--strict-plugins", "agents", "--json")

    [found] = listed.document["diagnostics"]
    assert listed.code == 0
    assert found["code"] == "ZG131"
    assert "locks 'zg-gone', and there is no such plugin" in found["message"]
    assert strict.code == 3
    check_lines(listed)


def test_a_disabled_plugin_is_not_imported_by_a_run_either(
    installation: Installation, healthy: Outcome
) -> None:
    installation.add(of_row("F36")[0])

    called, outcome = installation.run("goodie")
    named = installation.zg("run", "Say hi", "--agent", "zg-bad:sound")

    assert outcome == healthy
    assert installation.imported() == {"zg_good"}
    assert named.code == 2
    assert "zg -p zg-bad" in named.err
    check_quiet(called)


# -- F37: our name ---------------------------------------------------------------------


def test_the_version_is_that_of_the_code_which_runs(
    installation: Installation,
) -> None:
    before = installation.zg("--version")
    installation.add(of_row("F37")[0])

    assert installation.zg("--version").out == before.out
    assert "99.0" not in json.dumps(installation.run("goodie")[1].record)


def test_code_without_metadata_is_still_the_built_in_plugin(
    installation: Installation,
) -> None:
    checkout = Path(zg_core.__file__).parent.parent
    for package in ("zg_core", "zg_plugins_builtin"):
        shutil.copytree(
            checkout / package,
            installation.site.folder / package,
            ignore=shutil.ignore_patterns("__pycache__"),
        )

    listed = installation.zg("plugins", "--json")

    builtin, *others = listed.document["plugins"]
    assert listed.code == 0
    assert (builtin["id"], builtin["state"]) == ("builtin", "active")
    assert [one["code"] for one in builtin["diagnostics"]] == ["ZG105"]
    assert [p["state"] for p in others if p["id"] == "zerogravity"] == ["untrusted"]


def test_a_wrapper_sees_nothing_of_what_others_offer(
    installation: Installation,
) -> None:
    for bad in of_row("F38"):
        installation.add(bad, f"zg-{bad.case.split()[1]}")

    agents = installation.zg("agents", "--json").document["agents"]

    assert "zg-good:goodie" in [agent["qualified"] for agent in agents]
