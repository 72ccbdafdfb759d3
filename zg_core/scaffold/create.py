"""Make the folder of a new project, whole or not at all."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from .._version import core_version
from ..errors import InputError, WorkspaceError
from .names import Names
from .record import RECORD, Record, digest
from .template import lowest_core, render

__all__ = ["Created", "create"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """A project that was made.

    Attributes:
        folder: Where it is.
        written: The files that were written, as paths in it.
        kept: Files that were there and are left as they were.
    """

    folder: Path
    written: tuple[str, ...]
    kept: tuple[str, ...] = ()


def create(names: Names, kind: str, parent: Path, *, force: bool = False) -> Created:
    """Make a project of the template.

    Args:
        names: What it is called.
        kind: What it offers, one of `KINDS`.
        parent: The folder that gets the project's folder.
        force: Whether to fill a folder that is there already, in which no file is
            changed or removed.

    Raises:
        InputError: If the folder is there already, or *parent* is not.
        WorkspaceError: If it cannot be written; then nothing was.
    """
    folder = parent / names.distribution
    if not parent.is_dir():
        raise InputError(f"there is no folder {parent}", "make it, or give another")
    core = lowest_core(core_version())
    files = render(names, kind, core)
    made = Record(
        names=names,
        kind=kind,
        core=core,
        files={path: digest(text) for path, text in files.items()},
    )
    files[RECORD] = made.text()
    try:
        if not _occupied(folder):
            _make(folder, files)
            return Created(folder=folder, written=tuple(sorted(files)))
        if force and folder.is_dir():
            written = _fill(folder, files)
            kept = tuple(sorted(files.keys() - set(written)))
            return Created(folder=folder, written=written, kept=kept)
    except OSError as error:
        raise WorkspaceError(
            f"{folder} cannot be written: {error.strerror}; nothing was",
            "make room there, or give another folder as --dir",
        ) from error
    raise InputError(
        f"{folder} is there already",
        "choose another name or --dir"
        + (", or add what is missing with --force" if folder.is_dir() else ""),
    )


def _occupied(folder: Path) -> bool:
    if folder.is_dir() and not folder.is_symlink():
        return any(folder.iterdir())
    return folder.exists() or folder.is_symlink()


def _make(folder: Path, files: Mapping[str, str]) -> None:
    """Write the project beside its place, and put it there when it is whole."""
    unfinished = folder.with_name(f".{folder.name}-{secrets.token_hex(4)}")
    with ExitStack() as undo:
        undo.callback(shutil.rmtree, unfinished, ignore_errors=True)
        for path, text in files.items():
            _write(unfinished / path, text)
        with suppress(FileNotFoundError):
            folder.rmdir()  # an empty one, which Windows does not replace
        unfinished.rename(folder)
        undo.pop_all()


def _fill(folder: Path, files: Mapping[str, str]) -> tuple[str, ...]:
    """Write the files that are missing; take them away again if one fails."""
    written: list[str] = []
    with ExitStack() as undo:
        for path, text in sorted(files.items()):
            with suppress(FileExistsError):
                _write(folder / path, text)
                undo.callback((folder / path).unlink)
                written.append(path)
        undo.pop_all()
    return tuple(written)


def _write(path: Path, text: str) -> None:
    """Write a new file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as undo:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            undo.callback(path.unlink)
            file.write(text)
        undo.pop_all()
