"""Compare a distribution's files with its RECORD, the list of them.

An installer writes RECORD, with a hash of each file:
https://packaging.python.org/en/latest/specifications/recording-installed-packages/
"""

from __future__ import annotations

import base64
import csv
import hashlib
import os
from collections.abc import Collection, Container
from contextlib import suppress
from dataclasses import dataclass
from importlib.machinery import PathFinder, all_suffixes
from pathlib import Path

from ..._isolation import contain, describe
from ..finding.scan import Copy
from ..references import module_of

__all__ = ["FileList", "ListedFile", "list_file", "list_files"]

_HASHES = frozenset({"sha256", "sha384", "sha512"})


@dataclass(frozen=True, slots=True)
class ListedFile:
    """One line of a RECORD.

    Attributes:
        path: The file, from the folder of the packages, with ``/``.
        hash: Its hash as written, ``sha256=…``; empty if there is none.
    """

    path: str
    hash: str

    @property
    def generated(self) -> bool:
        """Whether it may have no hash: RECORD itself, and what Python compiles."""
        return self.path.endswith((".dist-info/RECORD", ".pyc"))


@dataclass(frozen=True, slots=True)
class FileList:
    """The files a distribution was installed with.

    Attributes:
        root: The folder of its packages.
        sha256: The digest of the list itself, in hex.
        files: The files.
    """

    root: str
    sha256: str
    files: tuple[ListedFile, ...]

    def place(self, file: ListedFile) -> str:
        """Return where a file is on this machine."""
        return os.path.normpath(os.path.join(self.root, file.path))  # noqa: PTH118

    def flaw(self, reference: str) -> str | None:
        """Say how what is on the disk differs from the list, if it does.

        What cannot be compared is a flaw as well.

        Args:
            reference: The plugin's code, which must be one of the files.
        """
        with contain() as caught:
            return self._difference(reference)
        assert caught.error
        return f"cannot be checked: {describe(caught.error)}"

    def _difference(self, reference: str) -> str | None:
        places = {self.place(file): file for file in self.files}
        for place, file in places.items():
            if not file.generated and (flaw := _flaw(place, file.hash)):
                return f"{file.path} {flaw}"
        return _elsewhere(module_of(reference), places) or _unlisted(places)


def list_files(copy: Copy) -> FileList | None:
    """Return the files of a distribution; `None` if it has no list of them."""
    with contain():  # it may be anything: not UTF-8, not CSV
        content = Path(copy.folder, "RECORD").read_bytes()
        lines = csv.reader(content.decode().splitlines())
        files = tuple(ListedFile(line[0], (*line, "")[1]) for line in lines if line)
        return FileList(copy.root, hashlib.sha256(content).hexdigest(), files)
    return None


def list_file(path: str) -> FileList | None:
    """Return a file that is a plugin by itself; `None` if it cannot be read.

    Its own digest is that of the list.
    """
    file = Path(path)
    with suppress(OSError):
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        return FileList(str(file.parent), digest, (ListedFile(file.name, ""),))
    return None


def _flaw(place: str, expected: str) -> str | None:
    algorithm, _, text = expected.partition("=")
    if algorithm not in _HASHES:
        return "has no hash in RECORD that could be checked"
    if not os.path.isfile(place):  # noqa: PTH113 - there may be thousands of them
        return "is missing"
    try:
        with open(place, "rb") as file:  # noqa: PTH123
            found = hashlib.file_digest(file, algorithm).digest()
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    same = base64.urlsafe_b64encode(found).decode().rstrip("=") == text.rstrip("=")
    return None if same else "is not what was installed"


def _elsewhere(module: str, listed: Container[str]) -> str | None:
    """Say that the module's code would be another file than the listed one.

    A folder earlier on `sys.path` may have one of the same name.
    """
    found = _file_of(module)
    if found is None or found in listed:
        return None
    return f"{module} would be imported from {found}, which is none of its files"


def _unlisted(listed: Collection[str]) -> str | None:
    """Say that its packages hold code that is not listed.

    It might stand before what is: Python takes ``x.so`` before ``x.py``.
    """
    suffixes = tuple(all_suffixes())
    folders = {os.path.dirname(place) for place in listed}  # noqa: PTH120
    for folder in sorted(folders):
        if not any(f"{folder}{os.sep}__init__{end}" in listed for end in suffixes):
            continue
        for name in sorted(os.listdir(folder)):  # noqa: PTH208
            place = f"{folder}{os.sep}{name}"
            if place in listed or place in folders:
                continue
            if name.endswith(suffixes) or _is_package(place, suffixes):
                return f"{place} was not installed with it"
    return None


def _file_of(module: str) -> str | None:
    """Return the file Python would import, and import nothing, its package neither."""
    origin, places = None, None
    for name in module.split("."):
        # By its own name only: of a dotted one it would ask the modules that were
        # imported for the package, and that was not.
        found = PathFinder.find_spec(name, places)
        if found is None:
            return None
        origin, places = found.origin, list(found.submodule_search_locations or ())
    return str(Path(origin).parent.resolve() / Path(origin).name) if origin else None


def _is_package(place: str, suffixes: tuple[str, ...]) -> bool:
    return any(os.path.isfile(f"{place}{os.sep}__init__{end}") for end in suffixes)  # noqa: PTH113
