"""Whatever is wrong: one cause, one remedy, the right exit code, nothing half-done."""

from __future__ import annotations

import io
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from calling import Called, Caller

from zg_core.testing.wire import serve_apart

KEY = "sk-a-key-of-no-worth"


@pytest.fixture
def openai(wire: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that can be had, so that nothing else is at fault."""
    use(monkeypatch, wire)


def use(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", f"{url}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("ZG_MODEL", "openai:gpt-test")


def journal() -> Path:
    return Path(os.environ["ZG_HOME"], "runs.db")


def check_said(called: Called, code: int, cause: str) -> None:
    """One sentence of cause and one of remedy, and no traceback."""
    [first, *rest] = [line for line in called.err.splitlines() if line]
    assert first.startswith("error: ")
    assert cause in first
    assert len(rest) == 1
    assert rest[0].startswith("  ")
    assert called.code == code


def check_refused(zg: Caller, called: Called, code: int, cause: str) -> None:
    """As `check_said`; and nothing is left behind."""
    check_said(called, code, cause)
    assert called.out == ""
    assert zg("runs", "--json").document == []
    assert not Path("zg-runs").exists()


# -- Objectives ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("objective", "cause"),
    [
        ("", "is empty"),
        ("\n \t", "is empty"),
        ("bell \x07", "U+0007"),
        ("half \ud83d", "U+D83D"),
        ("x" * 100_001, "100,001 characters"),
    ],
)
def test_an_objective_nobody_can_work_on_is_refused(
    zg: Caller, openai: None, objective: str, cause: str
) -> None:
    check_refused(zg, zg("run", objective), 2, cause)


@pytest.mark.parametrize(
    ("text", "cause"),
    [(b"x" * 1_100_000, "1,000,000"), (b"half \xed\xa0\xbd", "UTF-8"), (b"", "empty")],
)
def test_so_is_one_on_standard_input(
    zg: Caller,
    openai: None,
    monkeypatch: pytest.MonkeyPatch,
    text: bytes,
    cause: str,
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))

    check_refused(zg, zg("run", "-"), 2, cause)


# -- Names --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (("--agent", "edtor"), "no agent named 'edtor'"),
        (("--agents", "architect,enginer"), "no agent named 'enginer'"),
        (("--workflow", "sequental"), "no workflow named 'sequental'"),
        (("--model", "opnai:gpt"), "no provider named 'opnai'"),
        (("--model", "openai:gpt,,local"), "an empty link"),
    ],
)
def test_a_name_that_is_not_there_is_refused(
    zg: Caller, openai: None, arguments: tuple[str, ...], cause: str
) -> None:
    called = zg("run", "x", *arguments)

    check_refused(zg, called, 3 if "link" in cause else 2, cause)


def test_a_classifier_that_is_not_there_is_refused(
    zg: Caller, openai: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZG_CLASSIFIER", "keywrd")

    check_refused(zg, zg("run", "x"), 2, "no classifier named 'keywrd'")


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("modl = 'x'", "no setting 'modl'"),
        ("model = 3", "must be text"),
        ("model = ", "is not TOML"),
        ("[limits]\nusd = -1", "'limits.usd'"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_refused(
    zg: Caller, openai: None, text: str, cause: str
) -> None:
    file = Path(os.environ["ZG_HOME"], "config.toml")
    file.parent.mkdir()
    file.write_text(text)

    check_said(zg("run", "x"), 3, cause)
    assert not Path("zg-runs").exists()


def test_a_project_may_not_say_where_runs_are_kept(zg: Caller, openai: None) -> None:
    Path("zg.toml").write_text("journal = 'memory'")

    check_said(zg("run", "x"), 3, "'journal' stands in")
    assert not Path("zg-runs").exists()


# -- Models -------------------------------------------------------------------------


def test_without_a_key_nothing_is_begun(
    zg: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZG_MODEL", "anthropic")
    called = zg("run", "x")

    assert "ANTHROPIC_API_KEY" in called.err
    check_refused(zg, called, 3, "anthropic needs an API key")


def check_failed(zg: Caller, called: Called, cause: str) -> None:
    """The run failed with the cause, is in the journal, and can be resumed."""
    assert called.code == 1
    assert f"error: {cause}" in called.err
    assert "Traceback" not in called.err
    assert KEY not in called.err + called.out
    [run] = zg("runs", "--json").document
    assert run["status"] == "failed"
    shown = zg("runs", "show", "last")
    assert cause in shown.out
    assert shown.code == 0


@pytest.mark.parametrize(
    ("status", "cause"),
    [(401, "openai does not accept the key"), (400, "openai refused the request")],
)
def test_what_a_server_refuses_fails_the_run(
    zg: Caller, monkeypatch: pytest.MonkeyPatch, status: int, cause: str
) -> None:
    with serve_apart("--fail", f"1:{status}") as url:
        use(monkeypatch, url)
        called = zg("run", "x", "--agent", "engineer")

    check_failed(zg, called, cause)


def test_a_server_that_is_not_there_fails_the_run(
    zg: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, "http://127.0.0.1:9")

    called = zg("run", "x", "--agent", "engineer")

    check_failed(zg, called, "no connection to openai at http://127.0.0.1:9/v1/")


def test_faults_that_pass_are_outlived(
    zg: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve_apart("--fail", "2:429", "--fail", "3:500") as url:
        use(monkeypatch, url)
        called = zg("run", "Build a page", "--json")

    assert called.document["status"] == "completed"
    assert called.code == 0


# -- Output folders -----------------------------------------------------------------


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """Mount a small file system of its own; root ignores permissions."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting is not permitted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("out", ["file", "file/below"])
def test_an_output_folder_that_is_a_file_is_refused(
    zg: Caller, openai: None, out: str
) -> None:
    Path("file").write_text("kept")

    check_refused(zg, zg("run", "x", "--out", out), 2, "cannot be used")
    assert Path("file").read_text() == "kept"


def test_a_read_only_output_folder_is_refused(
    zg: Caller, openai: None, tmp_path: Path
) -> None:
    with mounted(tmp_path / "ro", "size=1m,ro") as folder:
        called = zg("run", "x", "--out", str(folder / "out"))

    check_refused(zg, called, 2, "is on a read-only disk")


def test_a_full_output_folder_is_refused(
    zg: Caller, openai: None, tmp_path: Path
) -> None:
    with mounted(tmp_path / "full", "size=16k") as folder:
        (folder / "ballast").write_bytes(bytes(16384))
        called = zg("run", "x", "--out", str(folder / "out"))

    check_refused(zg, called, 2, "the disk is full")


@pytest.mark.parametrize(
    ("name", "cause"), [("missing", "No such file"), (".", "Is a directory")]
)
def test_a_file_that_cannot_be_read_is_refused(
    zg: Caller, openai: None, name: str, cause: str
) -> None:
    check_refused(zg, zg("run", "x", "--input", name), 2, cause)


def test_a_file_that_is_too_large_is_refused(zg: Caller, openai: None) -> None:
    with Path("large").open("wb") as file:
        file.truncate(10_000_001)

    check_refused(zg, zg("run", "x", "--input", "large"), 2, "10,000,000 bytes")


# -- Journals -----------------------------------------------------------------------


def make_newer() -> None:
    with sqlite3.connect(journal()) as file:
        file.execute("PRAGMA user_version = 99")
    file.close()


def make_text() -> None:
    journal().write_text("no database at all, but long enough to be looked at")


def cut() -> None:
    os.truncate(journal(), 6_000)


@pytest.mark.parametrize(
    ("spoil", "cause"),
    [
        (make_newer, "was written by a newer ZeroGravity"),
        (make_text, "is no SQLite database"),
        (cut, "is damaged, or was cut short"),
    ],
)
def test_a_journal_that_cannot_be_used_is_named_and_left_alone(
    zg: Caller, openai: None, spoil: object, cause: str
) -> None:
    assert zg("run", "x", "--agent", "engineer").code == 0
    spoil()  # type: ignore[operator]
    before = journal().read_bytes()

    check_said(zg("runs"), 3, cause)
    check_said(zg("run", "y", "--agent", "engineer"), 3, cause)
    assert journal().read_bytes() == before


def test_a_locked_journal_is_waited_for_and_then_named(
    zg: Caller, openai: None
) -> None:
    assert zg("run", "x", "--agent", "engineer").code == 0
    other = sqlite3.connect(journal(), isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        called = zg("run", "y", "--agent", "engineer")
    finally:
        other.rollback()
        other.close()

    check_said(called, 3, "locked")
    assert len(zg("runs", "--json").document) == 1
