"""Bring a project up to the template, and leave alone what its author changed.

The rule is dpkg's for configuration files. What is as the template last had it is
replaced; what was changed stays, and gets the template's version beside it if that
is new; what was deleted stays deleted.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

from ..errors import InputError, WorkspaceError
from .record import RECORD, Record, digest, read_record

__all__ = ["Change", "changes", "make"]

Action: TypeAlias = Literal["add", "replace", "beside"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Something that would be written.

    Attributes:
        path: The file of the template.
        action: Whether it is new, replaces what is there, or goes beside it.
        text: What is written.
    """

    path: str
    action: Action
    text: str

    @property
    def target(self) -> str:
        """The file that is written."""
        return f"{self.path}.zg-new" if self.action == "beside" else self.path


def changes(folder: Path) -> tuple[Change, ...]:
    """Return what the template would change in a project.

    Raises:
        InputError: If it is no project of the template.
        WorkspaceError: If a file of it cannot be read.
    """
    return tuple(_changes(folder, read_record(folder)))


def make(folder: Path, wanted: Sequence[Change]) -> None:
    """Write the changes, and record what the template has now.

    Raises:
        InputError: If it is no project of the template, or a folder in it leads
            out of it.
        WorkspaceError: If a file cannot be written.
    """
    record = read_record(folder)
    for change in wanted:
        _put(folder, change.target, change.text)
    # Of what was deleted too, since that is how it is known to have been there.
    now = {path: digest(text) for path, text in record.render().items()}
    _put(folder, RECORD, replace(record, files=now).text())


def _changes(folder: Path, record: Record) -> Iterator[Change]:
    for path, text in record.render().items():
        new, last = digest(text), record.files.get(path)
        there = _digest(folder / path)
        if there is None:
            if last is None:
                yield Change(path=path, action="add", text=text)
        elif there != new and there == last:
            yield Change(path=path, action="replace", text=text)
        elif there != new and new != last:
            yield Change(path=path, action="beside", text=text)


def _digest(path: Path) -> str | None:
    try:
        return digest(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise WorkspaceError(
            f"{path} cannot be read: {error.strerror}", "make it a readable file"
        ) from error


def _put(folder: Path, path: str, text: str) -> None:
    """Write a file whole or not at all; a link in its place is replaced."""
    target = folder / path
    if not target.parent.resolve().is_relative_to(folder.resolve()):
        raise InputError(
            f"{target.parent} leads out of the project", "make it a folder of its own"
        )
    unfinished = target.with_name(f".{target.name}-{secrets.token_hex(4)}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(text, encoding="utf-8", newline="\n")
        unfinished.replace(target)
    except OSError as error:
        with suppress(OSError):
            unfinished.unlink()
        raise WorkspaceError(
            f"{target} cannot be written: {error.strerror}", "make room there"
        ) from error
