"""Where a run's files are, once they were taken to another folder or machine."""

from __future__ import annotations

import hashlib
from pathlib import Path

from .._machine import RunState
from .._step_paths import base
from .._workspace import FolderWorkspace
from ..errors import InputError, WorkspaceError
from ..events import ArtifactWritten

__all__ = ["check_folder"]


def check_folder(state: RunState, out: str | None) -> str:
    """Return where a run's files are from now on; nothing where they were.

    Args:
        state: How far the run is.
        out: The folder they are in now, if they were moved.

    Raises:
        InputError: If they are not there, or not as the run left them.
    """
    if out is None:
        _check_there(state)
        return ""
    folder = str(Path(out).absolute())
    workspace = FolderWorkspace(Path(folder))
    for path in dict.fromkeys((*state.accepted.files, *state.artifacts)):
        artifact = state.artifacts.get(path)
        try:
            content = workspace.read(path)
        except WorkspaceError as error:
            raise _not_it(state, path, folder, "cannot be read") from error
        if artifact is None or not _is_final(state, artifact):
            continue
        if hashlib.sha256(content).hexdigest() != artifact.sha256:
            raise _not_it(state, path, folder, "is not as the run left it")
    return folder


def _is_final(state: RunState, artifact: ArtifactWritten) -> bool:
    """Tell whether whoever wrote a file has ended; else it may have written more."""
    step = state.steps.get(base(artifact.step))
    return step is None or step.status not in ("running", "waiting")


def _check_there(state: RunState) -> None:
    has_files = state.accepted.files or state.artifacts
    if has_files and state.started is not None and not Path(state.out).is_dir():
        raise InputError(
            f"the folder of run {state.accepted.run_id!r} is not there: {state.out}",
            "put it back, or say where it is now with --out",
            folder=state.out,
        )


def _not_it(state: RunState, path: str, folder: str, what: str) -> InputError:
    return InputError(
        f"the file {path!r} of run {state.accepted.run_id!r} in {folder} {what}",
        "name the folder that has all files of the run as they were",
        file=path,
    )
