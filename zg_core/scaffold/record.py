"""Keep in a project what was made of the template, and with which answers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.version import InvalidVersion, Version

from ..errors import InputError
from .names import Names, names_of
from .template import KINDS, VERSION, render

__all__ = ["RECORD", "Record", "digest", "read_record"]

RECORD = ".zg-template.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What was made of the template.

    Attributes:
        names: What the project is called.
        kind: What it offers.
        core: The lowest version of ZeroGravity that it asked for.
        files: The digest of each file as the template had it last.
    """

    names: Names
    kind: str
    core: str
    files: Mapping[str, str]

    def render(self) -> dict[str, str]:
        """Return the files as the template has them now, with the same answers."""
        return render(self.names, self.kind, self.core)

    def text(self) -> str:
        """Return the record as its file holds it."""
        answers = {"name": self.names.thing, "kind": self.kind, "core": self.core}
        document = {
            "template": "plugin",
            "version": VERSION,
            "answers": answers,
            "files": dict(sorted(self.files.items())),
        }
        return json.dumps(document, indent=2) + "\n"


def digest(content: str | bytes) -> str:
    """Return the SHA-256 of a text, whose lines may end as on Windows."""
    data = content.encode() if isinstance(content, str) else content
    return hashlib.sha256(data.replace(b"\r\n", b"\n")).hexdigest()


def read_record(folder: Path) -> Record:
    """Read the record of a project.

    It may come with a stranger's repository, so that no answer is used unchecked.

    Raises:
        InputError: If there is none, or it is none of ours.
    """
    path = folder / RECORD
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise InputError(
            f"there is no {RECORD} in {folder}",
            "call this in the folder of a project that `zg plugin new` made",
        ) from error
    except (OSError, ValueError) as error:
        raise _unreadable(path, str(error)) from error
    try:
        answers = document["answers"]
        if document["template"] != "plugin" or document["version"] != VERSION:
            raise _unreadable(path, "it is of another template")
        if answers["kind"] not in KINDS:
            raise _unreadable(path, f"there is no kind {answers['kind']!r}")
        return Record(
            names=names_of(answers["name"]),
            kind=answers["kind"],
            core=str(Version(answers["core"])),
            files={str(name): str(value) for name, value in document["files"].items()},
        )
    except (KeyError, TypeError, AttributeError, InvalidVersion) as error:
        raise _unreadable(path, f"something is missing or wrong: {error}") from error


def _unreadable(path: Path, why: str) -> InputError:
    return InputError(
        f"{path} cannot be used: {why}", "restore it from the project's history"
    )
