"""Bad input is refused whole: one cause, one remedy, the exit code, nothing begun."""

from __future__ import annotations

import io
import os
import shutil
import sys
from pathlib import Path

import pytest
from calling import Caller
from faults.judging import check_refused, check_said, mounted, process

# -- Objectives ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("objective", "cause"),
    [
        ("", "is empty"),
        ("\n \t", "is empty"),
        ("bell \x07", "U+0007"),
        ("red \x1b[31m", "U+001B"),
        ("half \ud83d", "is not UTF-8"),
        ("x" * 100_001, "100,001 characters"),
    ],
)
def test_an_objective_nobody_can_work_on_is_refused(
    zg: Caller, openai: None, objective: str, cause: str
) -> None:
    check_refused(zg("run", objective), 2, cause)
    document = zg("run", objective, "--json").document
    assert cause in document["error"]["cause"]
    assert document["error"]["remedy"]


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (b"x" * 1_100_000, "more than 100,000 characters"),
        (b"half \xed\xa0\xbd", "is not UTF-8"),
        (b"nothing \0", "U+0000"),
        (b"", "is empty"),
    ],
)
def test_so_is_one_on_standard_input(
    zg: Caller,
    openai: None,
    monkeypatch: pytest.MonkeyPatch,
    text: bytes,
    cause: str,
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))

    check_refused(zg("run", "-"), 2, cause)


@pytest.mark.parametrize("text", [b"half \xed\xa0\xbd", b"\xff\xfe"])
def test_bytes_that_are_no_text_are_refused(
    zg: Caller, openai: None, text: bytes
) -> None:
    called = process("run", text)

    check_refused(called, 2, "the objective is not UTF-8")


def test_a_closed_standard_input_is_said(zg: Caller, openai: None) -> None:
    called = process("run", "-", preexec_fn=lambda: os.close(0))

    check_refused(called, 2, "standard input is closed")


# -- Names --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (("--agent", "edtor"), "no agent named 'edtor'"),
        (("--agent", "engineer\ud83d"), "no agent named 'engineer\\ud83d'"),
        (("--agents", "architect,enginer"), "no agent named 'enginer'"),
        (("--workflow", "sequental"), "no workflow named 'sequental'"),
        (("--model", "opnai:gpt"), "no provider named 'opnai'"),
        (("--fallback", "opnai:gpt"), "no provider named 'opnai'"),
        (("--agents", ","), "it is empty"),
        (("--out", ""), "it is empty"),
        (("--max-usd", "nan"), "nan is no amount"),
    ],
)
def test_an_option_that_means_nothing_is_refused(
    zg: Caller, openai: None, arguments: tuple[str, ...], cause: str
) -> None:
    check_refused(zg("run", "x", *arguments), 2, cause)


@pytest.mark.parametrize(
    ("variable", "cause"),
    [
        ("CLASSIFIER", "no classifier named 'nope'; the classifier is set by"),
        ("WORKFLOW", "no workflow named 'nope'; the workflow is set by"),
        ("MODEL", "no provider named 'nope'; the model is set by"),
        ("JOURNAL", "no journal named 'nope'; the journal is set by"),
        ("LIMITS_USD", "the variable ZG_LIMITS_USD must be a number"),
    ],
)
def test_a_variable_that_names_what_is_not_there_is_refused(
    zg: Caller,
    openai: None,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    cause: str,
) -> None:
    monkeypatch.setenv(f"ZG_{variable}", "nope")

    check_refused(zg("run", "x"), 3, cause)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("modl = 'x'", "no setting 'modl'"),
        ("model = 3", "must be text"),
        ("model = ", "is not TOML"),
        ("[limits]\nusd = -1", "'limits.usd'"),
        ("workflow = 'nope'", "the workflow is set by user file"),
        ("[routes]\ngeneral = ['nobody']", "routes.general is set by user file"),
        ("[plugins.config.builtin.opnai]", "has no setting 'opnai'"),
        ("[plugins.config.builtin.openai]\nurl = 'x'", "has no setting 'url'"),
        ("[plugins.config.builtin.openai]\nbase_url = 'x'", "base_url of the provider"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_refused(
    zg: Caller, openai: None, text: str, cause: str
) -> None:
    file = Path(os.environ["ZG_HOME"], "config.toml")
    file.parent.mkdir()
    file.write_text(text)

    check_refused(zg("run", "x", "--model", "openai:x"), 3, cause)


def test_a_project_may_not_say_where_runs_are_kept(zg: Caller, openai: None) -> None:
    Path("zg.toml").write_text("journal = 'memory'")

    check_refused(zg("run", "x"), 3, "'journal' stands in")


def test_a_folder_that_is_gone_is_no_place_to_call_from(
    zg: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("gone").mkdir()
    monkeypatch.chdir("gone")
    Path.cwd().rmdir()

    check_said(zg("run", "x"), 3, "the folder this was called in is no longer there")


# -- Output folders -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("out", "cause"),
    [
        ("file", "Not a directory"),
        ("file/below", "Not a directory"),
        ("link", "cannot be made there"),
        ("link/below", "cannot be made there"),
        ("n" * 256, "its name is too long"),
        ("a/" * 2_000, "its name is too long"),
        ("half \ud83d", "its name is not UTF-8"),
        ("nothing \0", "its name has a NUL character"),
    ],
)
def test_an_output_folder_that_cannot_be_is_refused(
    zg: Caller, openai: None, out: str, cause: str
) -> None:
    Path("file").write_text("kept")
    Path("link").symlink_to("nowhere/at-all")

    check_refused(zg("run", "x", "--out", out), 2, cause)
    assert Path("file").read_text() == "kept"
    assert sorted(map(str, Path().iterdir())) == ["file", "link"]


def test_a_read_only_output_folder_is_refused(
    zg: Caller, openai: None, tmp_path: Path
) -> None:
    with mounted(tmp_path / "ro", "size=1m,ro") as folder:
        called = zg("run", "x", "--out", str(folder / "out"))

    check_refused(called, 2, "is on a read-only disk")


@pytest.mark.parametrize("inside", ["", "out"])
def test_an_output_folder_one_may_not_use_is_refused(
    zg: Caller, openai: None, inside: str
) -> None:
    by: tuple[str, ...] = ()
    if os.geteuid() == 0:  # whom no permission stops, unless that is taken away
        if shutil.which("setpriv") is None:
            pytest.skip("root ignores permissions, and there is no setpriv here")
        by = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
    Path("locked").mkdir(mode=0)

    called = process("run", "x", "--out", f"locked/{inside}", by=by)

    check_refused(called, 2, "Permission denied")


def test_a_full_output_folder_is_refused(
    zg: Caller, openai: None, tmp_path: Path
) -> None:
    with mounted(tmp_path / "full", "size=16k") as folder:
        (folder / "ballast").write_bytes(bytes(16384))
        called = zg("run", "x", "--out", str(folder / "out"))

    check_refused(called, 2, "the disk is full")


def test_files_that_do_not_fit_leave_none_of_them(
    zg: Caller, openai: None, tmp_path: Path
) -> None:
    Path("small").write_bytes(b"x")
    Path("large").write_bytes(bytes(100_000))
    options = ("--input", "small", "--input", "large")

    with mounted(tmp_path / "full", "size=64k") as folder:
        called = zg("run", "x", *options, "--out", str(folder / "out"))
        left = list(folder.iterdir())

    check_refused(called, 2, "the disk is full")
    assert left == []


# -- Files --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("missing", "No such file"),
        (".", "Is a directory"),
        ("file/below", "Not a directory"),
        ("two\nlines", "has characters that cannot be shown"),
    ],
)
def test_a_file_that_cannot_be_given_is_refused(
    zg: Caller, openai: None, name: str, cause: str
) -> None:
    Path("file").touch()
    Path("two\nlines").touch()

    check_refused(zg("run", "x", "--input", name), 2, cause)


@pytest.mark.parametrize("size", [10_000_001, 100_000_000_000])
def test_a_file_that_is_too_large_is_refused(
    zg: Caller, openai: None, size: int
) -> None:
    with Path("large").open("wb") as file:
        file.truncate(size)  # which takes no room

    check_refused(zg("run", "x", "--input", "large"), 2, "10,000,000 bytes")


def test_so_is_standard_input_that_does_not_end(zg: Caller, openai: None) -> None:
    with Path("/dev/zero").open() as zeros:
        called = process("run", "x", "--input", "-", stdin=zeros)

    check_refused(called, 2, "10,000,000 bytes")
