"""Standard output that takes no more: said in words, and the run can go on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from calling import Called, Caller
from faults.judging import check_said, process

pytestmark = pytest.mark.heavy

Gone = Callable[[], AbstractContextManager[int]]
RUN = ("run", "x", "--agent", "engineer")


@contextmanager
def nobody_reads() -> Iterator[int]:
    """Open a pipe whose reader is gone, as after ``| head -0``."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        yield writer
    finally:
        os.close(writer)


@contextmanager
def full() -> Iterator[int]:
    """Open a file on a disk without room."""
    device = Path("/dev/full")
    if not device.exists():
        pytest.skip("there is no /dev/full here")
    with device.open("w") as file:
        yield file.fileno()


@pytest.mark.parametrize("command", [("--version",), ("runs",), ("agents", "--json")])
def test_a_full_disk_is_said(command: tuple[str, ...]) -> None:
    with full() as stdout:
        called = process(*command, stdout=stdout)

    check_said(called, 1, "standard output cannot be written: No space left")


@pytest.mark.parametrize("command", [("--version",), ("runs",), ("agents", "--json")])
def test_a_reader_that_is_gone_needs_no_words(command: tuple[str, ...]) -> None:
    with nobody_reads() as stdout:
        called = process(*command, stdout=stdout)

    assert called == Called(1, "", "")


@pytest.mark.parametrize("gone", [nobody_reads, full])
@pytest.mark.parametrize("options", [(), ("--json",)], ids=["words", "json"])
def test_a_run_nobody_reads_can_go_on(
    zg: Caller, openai: None, gone: Gone, options: tuple[str, ...]
) -> None:
    with gone() as stdout:
        called = process(*RUN, *options, stdout=stdout)

    [run] = zg("runs", "--json").document
    check_said(called, 1, "standard output cannot be written")
    assert called.err.endswith(f"go on with: zg runs resume {run['run_id']}\n")
    assert zg("runs", "resume", run["run_id"], "--json").document["status"] == (
        "completed"
    )


@pytest.mark.parametrize("gone", [nobody_reads, full])
def test_what_is_refused_is_said_elsewhere(openai: None, gone: Gone) -> None:
    with gone() as stdout:
        called = process("run", "", "--json", stdout=stdout)

    check_said(called, 2, "the objective is empty")


@pytest.mark.parametrize("gone", [nobody_reads, full])
def test_without_standard_error_the_exit_code_is_the_same(gone: Gone) -> None:
    with gone() as stderr:
        called = process("run", "", stderr=stderr)

    assert called == Called(2, "", "")


def test_closed_streams_are_no_hindrance(zg: Caller, openai: None) -> None:
    called = process(*RUN, preexec_fn=lambda: os.closerange(1, 3))

    assert called.code == 0
    assert zg("runs", "--json").document[0]["status"] == "completed"
