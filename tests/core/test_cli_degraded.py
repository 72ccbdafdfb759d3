"""A degraded run never looks whole, and its rounds and items read well."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from calling import Called, Caller
from terminals import Terminal

LAME = """\
name = "lame"

[[steps]]
name = "draft"
agent = "play-ask"

[[steps]]
name = "judge"
agent = "play-ask"
needs = ["draft"]
repeat = {until = "output == 'perfect'", back_to = "draft", rounds = 2}

[[steps]]
name = "pages"
agent = "play-fail"
needs = ["judge"]
for_each = '`["home", "about"]`'
prompt = "{item}"
on_error = "skip"

[[steps]]
name = "extra"
agent = "play-ask"
needs = ["judge"]
when = "judge == 'perfect'"
"""

pytestmark = pytest.mark.usefixtures("play")


@pytest.fixture
def lame(tmp_path: Path) -> str:
    """Write a workflow whose loop comes to no end and whose items all fail."""
    file = tmp_path / "lame.toml"
    file.write_text(LAME)
    return str(file)


@pytest.fixture
def done(zg: Caller, lame: str) -> Called:
    return zg("run", "x", "--workflow", lame)


def test_the_command_says_so_and_exits_4(done: Called) -> None:
    assert done.code == 4
    lines = done.out.splitlines()
    assert any(line.startswith("degraded in ") for line in lines)
    missing = [line for line in lines if line.startswith("missing: ")]
    assert missing == [
        "missing: step judge, since output == 'perfect' does not hold of step 'judge' "
        "after 2 rounds",
        "missing: step pages, since 2 of 2 items, as pages[0]: it went wrong",
    ]


def test_plain_lines_tell_rounds_and_items_apart(done: Called) -> None:
    lines = done.out.splitlines()
    assert "judge: not good enough; another round of draft, judge" in lines
    assert "draft, round 2: play-ask begins" in lines
    assert "pages: to be done for 2 items" in lines
    assert "pages[1]: skipped, since it failed: it went wrong" in lines
    assert "extra: left out: judge == 'perfect' does not hold" in lines


def test_its_document_has_status_rounds_and_parts(zg: Caller, lame: str) -> None:
    called = zg("run", "x", "--workflow", lame, "--json")

    assert (called.code, called.err) == (4, "")
    document = called.document
    assert document["status"] == document["execution_summary"]["workflow_status"]
    assert document["status"] == "degraded"
    draft, judge, pages, extra = document["history"]
    assert [s["status"] for s in (draft, judge, pages, extra)] == [
        *("finished", "degraded", "degraded", "skipped"),
    ]
    assert (draft["round"], judge["round"], judge["error"]["type"]) == (
        *(2, 2, "LimitError"),
    )
    assert pages["output"] == [None, None]
    assert [(p["path"], p["status"], p["agent"]) for p in pages["parts"]] == [
        ("pages[0]", "skipped", "zg-play:play-fail"),
        ("pages[1]", "skipped", "zg-play:play-fail"),
    ]
    assert pages["parts"][0]["error"]["cause"] == "it went wrong"


def test_it_is_marked_in_the_list_and_when_it_is_shown(
    zg: Caller, done: Called
) -> None:
    assert done.code == 4
    listed = zg("runs", "list", "--json")
    shown = zg("runs", "show", "last")

    assert "degraded" in listed.out
    assert zg("runs", "list", "--status", "completed").out.count("run_") == 0
    assert "degraded" in shown.out
    row = {line.split("  ")[0]: line for line in shown.out.splitlines()}
    assert "degraded" in row["judge, round 2"]
    assert "degraded, 0 of 2 items" in row["pages"]
    assert "finished" in row["draft, round 2"]
    assert "left out" in row["extra"]


def test_it_says_how_many_of_all_its_steps_are_done(zg: Caller, lame: str) -> None:
    called = zg("run", "x", "--workflow", lame, "--json")

    summary = called.document["execution_summary"]["execution_summary"]
    assert summary == "3 of 3 steps done, 1 left out"


def test_a_step_that_may_be_missing_is_not_told_of_as_left_out(zg: Caller) -> None:
    called = zg("run", "x", "--workflow", "lame")

    assert "gone: skipped, since it failed: it went wrong" in called.out
    row = next(line for line in called.out.splitlines() if line.startswith("gone  "))
    assert "skipped, it failed" in row


def test_items_that_were_not_begun_are_counted_as_well(
    zg: Caller, tmp_path: Path
) -> None:
    file = tmp_path / "items.toml"
    file.write_text(
        """\
name = "items"

[[steps]]
name = "one"
agent = "play-quiet"
for_each = '`[1]`'

[[steps]]
name = "all"
agent = "play-interrupted"
needs = ["one"]
for_each = '`[1, 2, 3]`'
parallel = 1
"""
    )

    called = zg("run", "x", "--workflow", str(file))

    assert "finished, 1 of 1 item " in called.out
    assert "stopped, 0 of 3 items" in called.out


def test_the_item_that_failed_is_named(zg: Caller, tmp_path: Path) -> None:
    file = tmp_path / "items.toml"
    file.write_text(LAME.replace('on_error = "skip"', ""))

    called = zg("run", "x", "--workflow", str(file), "--json")

    cause = called.document["error"]["cause"]
    assert cause == "2 of 2 items, as pages[0]: it went wrong"


def test_it_is_marked_where_it_is_explained(zg: Caller, done: Called) -> None:
    assert done.code == 4
    explained = zg("runs", "explain", "last")
    document = json.loads(zg("runs", "explain", "last", "--json").out)

    lines = [" ".join(line.split()) for line in explained.out.splitlines()]
    assert "status degraded" in lines
    assert "missing pages[1]: it went wrong" in lines
    assert any("draft, round 2 zg-play:play-ask" in line for line in lines)
    assert any(
        "chose to leave out extra judge == 'perfect' does not hold" in line
        for line in lines
    )
    assert document["status"] == "degraded"
    assert set(document["missing"]) == {"judge@2", "pages", "pages[0]", "pages[1]"}
    chose = [d for d in document["deeds"] if d["provenance"]["kind"] == "workflow"]
    assert [(d["what"], d["provenance"]["plugin"]) for d in chose] == [
        ("another round of draft, judge", None),
        ("to leave out extra", None),
    ]


def test_on_a_terminal_as_well(terminal: Terminal, lame: str) -> None:
    code = terminal.call("run", "x", "--workflow", lame)

    shown = terminal.read()
    assert code == 4
    assert "! judge, round 2" in shown
    assert "! pages" in shown
    assert "2 items, 2 skipped" in shown
    assert "- extra" in shown
    assert "does not hold of step" in shown
