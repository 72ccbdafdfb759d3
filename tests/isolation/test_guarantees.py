"""Whatever is installed, what worked before works as it did: G1 to G5, and S1.

``test_together.py`` sees most of it every day; here it is each for itself.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import cycle

import pytest
from isolation.bad_plugins import BAD
from isolation.judging import (
    Installation,
    Reference,
    check_document,
    check_lines,
    check_quiet,
)
from isolation.packages import Bad

each = pytest.mark.parametrize("bad", BAD, ids=str)
one_of_each_row = {bad.row: bad for bad in reversed(BAD)}.values()
WAYS = ("option", "variable", "user", "project")


@pytest.mark.parametrize(
    ("bad", "agent"),
    [
        pytest.param(
            bad,
            agent,
            marks=pytest.mark.heavy if bad.together or agent != "goodie" else (),
            id=f"{bad}-{agent}",
        )
        for bad in BAD
        for agent in ("goodie", "architect")
        if agent == "goodie" or bad in one_of_each_row
    ],
)
def test_a_run_is_what_it_was_without_the_bad_plugin(
    installation: Installation,
    reference: Reference,
    bad: Bad,
    agent: str,
) -> None:
    before = reference(agent, installation)
    installation.add(bad)
    installation.learn(bad)
    installation.imported()

    called, outcome = installation.run(agent)

    assert outcome == before
    check_quiet(called)
    if agent == "architect":
        assert installation.imported() == set()


@pytest.mark.parametrize("bad", [bad for bad in BAD if bad.state], ids=str)
@pytest.mark.heavy
def test_a_bad_plugin_can_be_switched_off(installation: Installation, bad: Bad) -> None:
    installation.add(bad)

    listed = installation.zg("-p", f"no:{bad.id}", "plugins", "--json")

    [row] = [row for row in listed.document["plugins"] if row["id"] == bad.id]
    assert listed.code == 0
    assert row["state"] == "disabled"
    assert f" [{bad.id} " not in listed.err
    assert "zg_bad" not in installation.imported()
    assert len([r for r in listed.document["plugins"] if r["state"] == "active"]) >= 2


@pytest.mark.parametrize("bad", [b for b in one_of_each_row if b.state], ids=str)
@pytest.mark.heavy
def test_a_bad_plugin_can_be_switched_off_for_good(
    installation: Installation, bad: Bad
) -> None:
    installation.add(bad)

    switched = installation.zg("plugin", "disable", bad.id)
    listed = installation.zg("plugins", "--json")

    [row] = [row for row in listed.document["plugins"] if row["id"] == bad.id]
    assert (switched.code, listed.code) == (0, 0)
    assert row["state"] == "disabled"
    assert "zg_bad" not in installation.imported()
    check_quiet(switched)


@each
@pytest.mark.heavy
def test_strictly_anything_wrong_is_an_error_after_all_was_said(
    installation: Installation, bad: Bad
) -> None:
    installation.add(bad)
    installation.learn(bad)
    loaded = replace(bad, **bad.once_loaded)

    listed = installation.zg("--strict-plugins", "plugins", "--json")

    assert listed.code == (3 if loaded.codes or loaded.general else 0)
    check_quiet(listed)
    check_document(listed, loaded)
    check_lines(listed)


@pytest.mark.parametrize(
    ("bad", "how"),
    list(zip(one_of_each_row, cycle(WAYS), strict=False)),
    ids=str,
)
@pytest.mark.heavy
def test_strictness_holds_for_a_run_too_however_it_is_asked_for(
    installation: Installation, bad: Bad, how: str
) -> None:
    installation.add(bad)
    installation.learn(bad)
    strictly = installation.strict(how)
    loaded = replace(bad, **bad.once_loaded)
    wrong = sorted((*loaded.codes, *loaded.general))

    called = strictly("run", "Say hi", "--agent", "goodie", "--json")

    check_quiet(called)
    assert called.code == (3 if wrong else 0)
    if wrong:
        said = called.document["error"]["diagnostics"]
        assert sorted(one["code"] for one in said) == wrong
