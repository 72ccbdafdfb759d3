"""What ``zg runs export`` does."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from zg_core.errors import InputError
from zg_core.recordings import Recording, dump_recording
from zg_core.running.recording import make_recording

from ._invocation import Invocation
from ._runs import whole_id

__all__ = ["export_run"]

_STDOUT = "-"


async def export_run(
    invocation: Invocation, name: str, *, to: str | None, force: bool
) -> None:
    """Write a run into a file, from which it can be replayed."""
    output = invocation.output
    async with invocation.engine(invocation.config()) as engine:
        run_id = await whole_id(engine, name)
        target = to or f"{run_id}.zgrun"
        file = _file_at(target, force=force) if target != _STDOUT else None
        recording, missing = await make_recording(
            await engine.journal.read(run_id),
            config=engine.config,
            host=engine.host,
            secrets=invocation.secrets,
        )
    for what in missing:
        output.note(f"warning: {what}")
    if file is None:
        for line in dump_recording(recording):
            output.stdout.write(line)
        return
    _write(file, recording)
    counts = {
        "events": len(recording.events),
        "requests": len(recording.requests),
        "files": len(recording.files),
    }
    output.document({"run_id": run_id, "file": target, **counts, "missing": missing})
    output.say(
        f"wrote {target}: " + ", ".join(f"{n:,} {what}" for what, n in counts.items())
    )
    output.say(f"replay it with: zg run --replay {target}")


def _file_at(target: str, *, force: bool) -> Path:
    """Return the file that is to be written: where a link leads, for a link.

    Raises:
        InputError: If it is there and may not be written over, or is no file.
    """
    file = Path(os.path.realpath(target))
    try:
        mode = file.lstat().st_mode
    except OSError:
        return file  # it is not there, or writing it says what is wrong
    if not stat.S_ISREG(mode):
        raise InputError(
            f"{target!r} is no regular file",
            "name another with -o; -o - writes to standard output",
            file=target,
        )
    if not force:
        raise InputError(
            f"there is a file {target!r} already",
            "name another with -o, or write over it with --force",
            file=target,
        )
    return file


def _write(target: Path, recording: Recording) -> None:
    """Write a file whole or not at all."""
    unfinished = target.with_name(f".{target.name}.unfinished")
    try:
        try:
            with unfinished.open("w", encoding="utf-8", newline="\n") as file:
                file.writelines(dump_recording(recording))
            unfinished.replace(target)
        finally:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            f"{target} cannot be written: {error.strerror}",
            "name a file in a folder that can be written to",
            file=str(target),
        ) from error
