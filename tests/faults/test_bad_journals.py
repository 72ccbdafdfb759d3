"""A journal that cannot be used is named and left alone, and what it holds is shown."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from calling import Called, Caller
from faults.judging import check_said, journal, mounted, serving, use

pytestmark = pytest.mark.heavy

RUN = ("run", "x", "--agent", "engineer")
PAGE = 4096


@pytest.fixture
def known(zg: Caller, openai: None) -> str:
    """The id of a run that is in the journal."""
    run_id: str = zg(*RUN, "--json").document["run_id"]
    return run_id


def check_untouched(zg: Caller, called: Called, cause: str) -> None:
    """As `check_said`; and no run was begun."""
    check_said(called, 3, cause)
    assert called.out == ""
    assert len(list(Path("zg-runs").iterdir())) == 1


def in_file(statement: str) -> None:
    with closing(sqlite3.connect(journal())) as file, file:
        file.execute(statement)


# -- Not one of ours ----------------------------------------------------------------


def make_newer() -> None:
    in_file("PRAGMA user_version = 99")


def make_foreign() -> None:
    in_file("PRAGMA application_id = 7")


def make_text() -> None:
    journal().write_text("no database at all, but long enough to be looked at")


def make_folder() -> None:
    journal().unlink()
    journal().mkdir()


@pytest.mark.parametrize(
    ("spoil", "cause"),
    [
        (make_newer, "was written by a newer ZeroGravity"),
        (make_foreign, "is another program's database"),
        (make_text, "is no SQLite database"),
        (make_folder, "cannot be opened"),
    ],
)
def test_what_is_no_journal_of_ours_is_named(
    zg: Caller, known: str, spoil: Callable[[], None], cause: str
) -> None:
    spoil()

    check_untouched(zg, zg("runs"), cause)
    check_untouched(zg, zg("runs", "show", known), cause)
    check_untouched(zg, zg(*RUN), cause)


@pytest.mark.parametrize("home", ["file", "nowhere/x"])
def test_a_journal_without_a_folder_is_named(
    zg: Caller, openai: None, monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    Path("file").touch()
    monkeypatch.setenv("ZG_JOURNAL", f"sqlite:///{home}/runs.db")

    check_said(zg(*RUN), 3, "cannot be opened")
    assert not Path("zg-runs").exists()


# -- Damaged ------------------------------------------------------------------------


@pytest.mark.parametrize("length", [20, 1_000, PAGE, 6_000, 20_000])
def test_a_journal_that_was_cut_is_named_and_left_as_it_is(
    zg: Caller, known: str, length: int
) -> None:
    os.truncate(journal(), length)
    before = journal().read_bytes()

    for command in (("runs",), ("runs", "show", known), ("runs", "resume", known), RUN):
        called = zg(*command)
        cause = "is no SQLite" if length == 20 else "is damaged, or was cut short"
        check_untouched(zg, called, cause)
    assert journal().read_bytes() == before


@pytest.mark.parametrize("body", ["{not json", "[]", "{}"])
def test_of_a_spoilt_event_only_its_run_suffers(
    zg: Caller, known: str, body: str
) -> None:
    zg(*RUN)
    in_file(f"UPDATE events SET body = '{body}' WHERE run_id = '{known}' AND seq = 3")

    check_said(zg("runs", "show", known), 3, "a line that is no event")
    check_said(zg("runs", "resume", known), 3, "a line that is no event")
    assert zg("runs", "show", "last").code == 0
    assert len(zg("runs", "--json").document) == 2


def test_an_event_of_a_newer_version_is_kept_and_passed_over(
    zg: Caller, known: str
) -> None:
    in_file("UPDATE events SET body = json_set(body, '$.type', 'Dreamt') WHERE seq = 3")

    assert zg("runs", "show", known).code == 0
    assert "Dreamt" in zg("runs", "show", known, "--events", "--json").out


@pytest.mark.heavy
def test_wherever_it_is_damaged_there_is_no_traceback(zg: Caller, known: str) -> None:
    whole = journal().read_bytes()
    chance = random.Random(1)
    spoilt = [whole[:length] for length in range(0, len(whole), 509)]
    for start in range(0, len(whole), PAGE):
        before, after = whole[:start], whole[start + PAGE :]
        spoilt.append(before + bytes(PAGE) + after)
        spoilt.append(before + chance.randbytes(PAGE) + after)

    for content in spoilt:
        for file in journal().parent.glob("runs.db*"):
            file.unlink()
        journal().write_bytes(content)
        for command in (("runs",), ("runs", "show", known), ("runs", "resume", known)):
            called = zg(*command)
            assert called.code in (0, 2, 3), called
            assert "Traceback" not in called.err


# -- Not to be written --------------------------------------------------------------


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Let nobody write into a folder, not even root."""
    if subprocess.run(
        ["mount", "--bind", str(folder), str(folder)], capture_output=True
    ).returncode:
        pytest.skip("mounting is not permitted here")
    try:
        subprocess.run(
            ["mount", "-o", "remount,bind,ro", str(folder)],
            check=True,
            capture_output=True,
        )
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_read_only_journal_is_shown_and_not_written(zg: Caller, known: str) -> None:
    with read_only(journal().parent):
        listed, shown = zg("runs", "--json"), zg("runs", "show", known)
        resumed = zg("runs", "resume", known)
        begun, forgotten = zg(*RUN), zg("runs", "rm", known)

    assert [run["run_id"] for run in listed.document] == [known]
    assert (shown.code, resumed.code) == (0, 0)
    check_untouched(zg, begun, "cannot be opened")
    check_untouched(zg, forgotten, "cannot be opened")


def test_a_journal_on_a_full_disk_begins_nothing(zg: Caller, openai: None) -> None:
    folder = journal().parent
    folder.mkdir()
    with mounted(folder, "size=16k"):
        (folder / "ballast").write_bytes(bytes(16_384))
        called = zg(*RUN)

    check_said(called, 3, "has no room left on its disk")
    assert not Path("zg-runs").exists()


def test_a_disk_that_gets_full_stops_a_run_that_then_goes_on(
    zg: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = journal().parent
    folder.mkdir()
    with serving(*["long " * 60_000] * 2) as server, mounted(folder, "size=200k"):
        use(monkeypatch, server.url)
        called = zg(*RUN)
        listed = zg("runs", "--json").document
        subprocess.run(["mount", "-o", "remount,size=20m", str(folder)], check=True)
        resumed = zg("runs", "resume", "last")

    check_said(called, 3, "has no room left on its disk")
    assert [(run["status"], run["owned"]) for run in listed] == [("running", False)]
    assert resumed.code == 0


@pytest.mark.parametrize("lock", ["BEGIN IMMEDIATE", "PRAGMA locking_mode = EXCLUSIVE"])
def test_a_locked_journal_is_waited_for_and_then_named(
    zg: Caller, known: str, lock: str
) -> None:
    with closing(sqlite3.connect(journal(), isolation_level=None)) as other:
        other.execute(lock)
        other.execute("UPDATE runs SET seq = seq")
        called = zg(*RUN)

    check_untouched(zg, called, "is locked by another program")
    assert [run["run_id"] for run in zg("runs", "--json").document] == [known]
