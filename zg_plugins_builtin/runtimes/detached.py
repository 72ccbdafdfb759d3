"""Have a run done by a process of its own, which outlives the terminal."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import BinaryIO

import anyio

import zg_core as zg

__all__ = ["DetachedRuntime"]

_BEGUN_SECONDS = 60.0
_LOOK_SECONDS = 0.05
_MOST_SAID = 2_000


class DetachedRuntime:
    """Starts ``zg runs resume RUN``, and leaves it alone once it has begun."""

    async def submit(self, run_id: str, journal: str) -> str:
        """Return once a process of its own does the run.

        Args:
            run_id: A run that was accepted and that nobody owns.
            journal: The address of the journal it is in.

        Returns:
            The process's number, and the file with what it says.

        Raises:
            RunError: If the process ends, or does not begin the run for a minute; or
                if another process cannot get at the journal.
        """
        if journal.partition(":")[0] == "memory":
            raise zg.RunError(
                "a journal in memory is seen by no other process",
                "use one on disk, such as sqlite, with the runtime 'detached'",
                run_id=run_id,
            )
        log = zg.data_dir() / "detached" / f"{run_id}.log"
        async with zg.Engine.open(journal=journal) as engine:
            last = (await engine.journal.read(run_id))[-1].seq
            said = log.stat().st_size if log.exists() else 0
            process = _started(run_id, journal, log)
            with anyio.move_on_after(_BEGUN_SECONDS):
                while process.poll() is None:
                    if await engine.journal.read(run_id, after=last):
                        break
                    await anyio.sleep(_LOOK_SECONDS)
            begun = await engine.journal.read(run_id, after=last)
        if not begun:
            process.kill()
            raise zg.RunError(
                f"the process that was to do run {run_id} did not begin it"
                f"{_since(said, log)}",
                f"do it here: zg runs resume {run_id}",
                run_id=run_id,
                log=str(log),
            )
        return f"process {process.pid}, which writes to {log}"


def _started(run_id: str, journal: str, log: Path) -> subprocess.Popen[bytes]:
    # -P: nothing is imported from the folder that happens to be the current one.
    command = [sys.executable, "-P", "-m", "zg_core.cli", "runs", "resume", run_id]
    try:
        with _private(log) as file:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env={**os.environ, "ZG_JOURNAL": journal},
                start_new_session=True,
            )
    except OSError as error:
        raise zg.RunError(
            f"no process can be started for run {run_id}: {error.strerror}",
            f"do it here: zg runs resume {run_id}",
            run_id=run_id,
        ) from error
    # Someone must wait for it, or what is left of it stays until this one ends.
    threading.Thread(target=process.wait, daemon=True).start()
    return process


def _private(path: Path) -> BinaryIO:
    """Open a file to add to, which nobody but its owner may read."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return os.fdopen(os.open(path, flags, 0o600), "ab")


def _since(place: int, log: Path) -> str:
    """Return what was added to a file, as one line."""
    with log.open("rb") as file:
        file.seek(place)
        text = file.read(_MOST_SAID).decode(errors="replace")
    lines = (line.removeprefix("error:").strip() for line in text.splitlines())
    words = "; ".join(filter(None, lines))
    return f": {words}" if words else ""
