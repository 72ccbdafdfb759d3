"""What everybody may expect when something is wrong: words, a code, nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal
from calling import Called, Caller

from zg_core.testing.wire import WireAnswer, WireServer

__all__ = [
    "KEY",
    "check_failed",
    "check_refused",
    "check_said",
    "journal",
    "mounted",
    "process",
    "serving",
    "use",
]

KEY = "sk-a-key-of-no-worth"


def use(monkeypatch: pytest.MonkeyPatch, url: str, vendor: str = "openai") -> None:
    """Have a vendor's model at a server of our own."""
    base = f"{url}/v1" if vendor == "openai" else url
    monkeypatch.setenv(f"{vendor.upper()}_BASE_URL", base)
    monkeypatch.setenv(f"{vendor.upper()}_API_KEY", KEY)
    monkeypatch.setenv("ZG_MODEL", f"{vendor}:test")


@contextmanager
def serving(*answers: WireAnswer) -> Iterator[WireServer]:
    """Run a model server in a thread: the event loop of this one is the command's."""
    server = WireServer(*answers)
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(server),
    ):
        yield server


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


def check_refused(called: Called, code: int, cause: str) -> None:
    """As `check_said`; and nothing is left behind."""
    check_said(called, code, cause)
    assert called.out == ""
    assert not Path("zg-runs").exists()
    assert not journal().exists()


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
    assert f"zg runs resume {run['run_id']}" in shown.out
    assert shown.code == 0


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """Mount a small file system of its own; root ignores permissions."""
    folder.mkdir(exist_ok=True)
    _mount("-t", "tmpfs", "-o", options, "tmpfs", str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def _mount(*arguments: str) -> None:
    if shutil.which("mount") is None:
        pytest.skip("there is no mount here")
    if subprocess.run(["mount", *arguments], capture_output=True).returncode:
        pytest.skip("mounting is not permitted here")


def process(
    *arguments: str | bytes, by: tuple[str, ...] = (), **options: Any
) -> Called:
    """Call ``zg`` as a process of its own.

    Args:
        *arguments: Its arguments.
        by: A command that is given the command.
        **options: As `subprocess.run` has them.
    """
    command = [*by, sys.executable, "-m", "zg_core.cli", *arguments]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    done = subprocess.run(command, text=True, check=False, timeout=60, **options)
    return Called(done.returncode, done.stdout or "", done.stderr or "")
