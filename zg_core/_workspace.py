"""The files of a run: one folder on disk, and nothing outside it.

A path comes from a model or a plugin, so it is judged by its text first. Then
it is walked one folder at a time, each opened from the one before and never
through a symbolic link, so that a link put in place after the check leads
nowhere either. Where the platform cannot open a file relative to a folder
(Windows), each folder is looked at before it is passed instead, which is all
that can be done there.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from .errors import WorkspaceError

__all__ = ["MAX_BYTES", "FolderWorkspace", "objection"]

MAX_BYTES = 10_000_000
"""The most that one file of a run may hold."""

_MAX_NAME = 255  # bytes: what the common file systems take
_MAX_PATH = 1_000  # bytes: what every platform's whole path still has room for
_MAX_ROOT = 2_500  # bytes: what leaves room for such a path, of 4,096 on Linux
_UNFINISHED = ".zg-writing-"  # begins the name of a file that is not whole yet

_MOMENT = 1.0
"""Seconds for which a folder that took a file is believed to take another."""

# Flags that a platform does not have change nothing there.
_CLOSED = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
_BINARY = getattr(os, "O_BINARY", 0)
_DIRECTORY = getattr(os, "O_DIRECTORY", 0)
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)

_CHOOSE = "choose another path"
_REASONS = {
    errno.ENOENT: ("does not exist", "list the files to see what there is"),
    errno.ELOOP: ("is a symbolic link", _CHOOSE),
    errno.ENOTDIR: ("leads through a file or a symbolic link", _CHOOSE),
    errno.EISDIR: ("is a folder", "name a file in it"),
    errno.ENOSPC: ("does not fit: the disk is full", "make room, then go on"),
    errno.EDQUOT: ("does not fit: the disk quota is used up", "make room, then go on"),
    errno.EROFS: ("is on a read-only disk", "choose another folder for the files"),
    errno.EACCES: ("is not allowed", "change the folder's permissions"),
    errno.EPERM: ("is not allowed", "change the folder's permissions"),
}


@dataclass(frozen=True, slots=True)
class FolderWorkspace:
    """A `Workspace` that is one folder; the first write makes it.

    Attributes:
        root: The folder. It alone may be a symbolic link: it is the user's choice.
        max_bytes: The most one file may hold, to read or to write.
    """

    root: Path
    max_bytes: int = MAX_BYTES

    def list(self, folder: str = "") -> tuple[str, ...]:
        """Return the paths of all files below *folder*, sorted.

        Links, devices and whatever has a name that `read` refuses are left out.

        Raises:
            WorkspaceError: If *folder* leaves the workspace or is no folder.
        """
        start = _parts(folder) if folder else ()
        found: list[str] = []
        waiting = [start]
        while waiting:
            parts = waiting.pop()
            try:
                with self._open(parts) as place:
                    files, folders = place.entries()
            except WorkspaceError as error:
                missing = isinstance(error.__cause__, FileNotFoundError)
                if parts == start and not missing:
                    raise
                continue  # not made yet, or removed since it was seen
            paths = ["/".join((*parts, name)) for name in files]
            found += [path for path in paths if not objection(path)]
            deeper = [(*parts, name) for name in folders]
            waiting += [path for path in deeper if not objection("/".join(path))]
        return tuple(sorted(found))

    def read(self, path: str) -> bytes:
        """Return what a file holds.

        Raises:
            WorkspaceError: If the path leaves the folder, is no file, or is too large.
        """
        *folders, name = _parts(path)
        with self._open(tuple(folders), path) as place:
            content = place.read(name, self.max_bytes + 1)
        if content is None:
            raise WorkspaceError(f"{_shown(path)} is no ordinary file", _CHOOSE)
        self._check_size(path, content)
        return content

    def write(self, path: str, content: bytes) -> None:
        """Write a file whole or not at all, making its folders.

        Raises:
            WorkspaceError: If the path leaves the folder, is something else than
                a file, *content* is too large, or the disk refuses.
        """
        *folders, name = _parts(path)
        self._check_size(path, content)
        with self._open(tuple(folders), path, make=True) as place:
            if not place.is_free(name):
                raise WorkspaceError(f"{_shown(path)} is no ordinary file", _CHOOSE)
            place.write(name, content)

    def check(self) -> None:
        """See that files can be written there; the folder itself is not made yet.

        What is there of it and took a file a moment ago, and was not changed since, is
        not tried anew: a service begins many runs in one folder.

        Raises:
            WorkspaceError: If they cannot.
        """
        _check_name(self.root)
        nearest = str(self.root)
        while not os.path.lexists(nearest):  # a link that leads nowhere is there
            nearest = os.path.dirname(nearest)  # noqa: PTH120 - it is looked up often
        if _TRIED.holds(nearest):
            return
        try:
            with FolderWorkspace(Path(nearest))._open((), str(self.root)) as place:
                place.probe()
            _TRIED.note(nearest)
        except WorkspaceError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                raise _unusable(self.root, "it cannot be made there") from error
            raise

    def sweep(self) -> None:
        """Remove what a writer that was killed has left; for the only owner alone."""
        for folder, _, names in os.walk(self.root):  # which follows no link
            for name in names:
                if name.startswith(_UNFINISHED):
                    with suppress(OSError):
                        Path(folder, name).unlink()

    def _check_size(self, path: str, content: bytes) -> None:
        if len(content) > self.max_bytes:
            raise WorkspaceError(
                f"{_shown(path)} is larger than {self.max_bytes:,} bytes",
                "split it into smaller files",
                allowed=self.max_bytes,
            )

    @contextmanager
    def _open(
        self, folders: tuple[str, ...], path: str = "", *, make: bool = False
    ) -> Iterator[_Place]:
        """Walk to a folder and hold it open; *path* is what the errors name."""
        try:
            if make:
                self.root.mkdir(parents=True, exist_ok=True)
            place = _Place.at(self.root)
        except FileNotFoundError as error:
            raise _refusal(path or "/".join(folders), error) from error
        except OSError as error:
            raise _unusable(self.root, error.strerror) from error
        try:
            for name in folders:
                place.enter(name, make=make)
            yield place
        except OSError as error:
            raise _refusal(path or "/".join(folders), error) from error
        finally:
            place.close()


class _Tried:
    """The folder in which a file was written last, to try it out."""

    def __init__(self) -> None:
        self._known: tuple[str, tuple[int, ...], float] | None = None

    def holds(self, folder: str) -> bool:
        """Tell whether it is that folder, the same as it was a moment ago."""
        if self._known is None:
            return False
        name, found, at = self._known
        recent = name == folder and time.monotonic() - at < _MOMENT
        return recent and bool(found) and _identity(folder) == found

    def note(self, folder: str) -> None:
        """Note that a file could be written there."""
        self._known = folder, _identity(folder), time.monotonic()


def _identity(folder: str) -> tuple[int, ...]:
    """Return what is another thing once a folder is replaced or changed."""
    with suppress(OSError):
        found = os.stat(folder)  # noqa: PTH116 - it is looked up often
        return found.st_dev, found.st_ino, found.st_mode, found.st_ctime_ns
    return ()


_TRIED = _Tried()


@dataclass(slots=True)
class _Place:
    """A folder, held open: by descriptor where there are such, else by its path."""

    descriptor: int | None
    path: str

    @classmethod
    def at(cls, root: Path) -> _Place:
        if os.open in os.supports_dir_fd:
            return cls(os.open(root, os.O_RDONLY | _DIRECTORY), "")
        _require(root.stat(), stat.S_ISDIR, errno.ENOTDIR)
        return cls(None, str(root))

    def enter(self, name: str, *, make: bool) -> None:
        """Go one folder deeper, never through a link."""
        here = self._named(name)
        if make:
            with suppress(FileExistsError):
                os.mkdir(here, dir_fd=self.descriptor)
        if self.descriptor is None:
            _require(os.lstat(here), stat.S_ISDIR, errno.ENOTDIR)
            self.path = here
        else:
            flags = os.O_RDONLY | _DIRECTORY | _CLOSED
            deeper = os.open(here, flags, dir_fd=self.descriptor)
            os.close(self.descriptor)
            self.descriptor = deeper

    def close(self) -> None:
        if self.descriptor is not None:
            os.close(self.descriptor)

    def entries(self) -> tuple[list[str], list[str]]:
        """Return the names of the files, and of the folders, in it."""
        where = self.path if self.descriptor is None else self.descriptor
        with os.scandir(where) as scan:
            entries = list(scan)
        return (
            [e.name for e in entries if e.is_file(follow_symlinks=False)],
            [e.name for e in entries if e.is_dir(follow_symlinks=False)],
        )

    def is_free(self, name: str) -> bool:
        """Tell whether a file of that name may be written: it is one, or nothing."""
        try:
            found = os.stat(
                self._named(name), dir_fd=self.descriptor, follow_symlinks=False
            )
        except FileNotFoundError:
            return True
        return stat.S_ISREG(found.st_mode)

    def read(self, name: str, most: int) -> bytes | None:
        """Return the first *most* bytes; `None` if it is no ordinary file."""
        here = self._named(name)
        if self.descriptor is None:
            _require(os.lstat(here), _is_no_link, errno.ELOOP)
        # Without O_NONBLOCK, opening a FIFO waits for somebody to write to it.
        flags = os.O_RDONLY | _NONBLOCK | _BINARY | _CLOSED
        opened = os.open(here, flags, dir_fd=self.descriptor)
        try:
            if not stat.S_ISREG(os.fstat(opened).st_mode):
                return None
            with os.fdopen(opened, "rb", closefd=False) as file:
                return file.read(most)
        finally:
            os.close(opened)

    def write(self, name: str, content: bytes) -> None:
        """Write beside the file and rename onto it: no reader sees a part."""
        unfinished = self._named(_UNFINISHED + secrets.token_hex(8))
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY | _CLOSED
        opened = os.open(unfinished, flags, 0o666, dir_fd=self.descriptor)
        try:
            with os.fdopen(opened, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(
                unfinished,
                self._named(name),
                src_dir_fd=self.descriptor,
                dst_dir_fd=self.descriptor,
            )
        finally:
            with suppress(OSError):  # it has its name, and this one is gone
                os.unlink(unfinished, dir_fd=self.descriptor)
        if self.descriptor is not None:
            os.fsync(self.descriptor)  # the new name itself

    def probe(self) -> None:
        """Write a little and take it away, so that a full disk shows too."""
        probe = self._named(_UNFINISHED + secrets.token_hex(8))
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _CLOSED
        opened = os.open(probe, flags, dir_fd=self.descriptor)
        try:
            os.write(opened, bytes(4096))
        finally:
            os.close(opened)
            os.unlink(probe, dir_fd=self.descriptor)

    def _named(self, name: str) -> str:
        return os.path.join(self.path, name)  # noqa: PTH118 - relative to descriptors


def _is_no_link(mode: int) -> bool:
    return not stat.S_ISLNK(mode)


def _require(found: os.stat_result, kind: Callable[[int], bool], number: int) -> None:
    """Raise what the system would have raised, had it checked by itself."""
    if not kind(found.st_mode):
        raise OSError(number, os.strerror(number))


def _parts(path: str) -> tuple[str, ...]:
    if problem := objection(path):
        raise WorkspaceError(
            f"{_shown(path)} {problem}",
            "name a file inside the run's folder, such as 'docs/plan.md'",
        )
    return tuple(path.split("/"))


def objection(path: str) -> str:
    """Say what is wrong with the text of a path; nothing if it is fine."""
    if not path.isprintable():  # NUL, line breaks, lone surrogates, bidi controls …
        return "has characters that cannot be shown"
    if "\\" in path or (os.name == "nt" and ":" in path):
        return "is not written with forward slashes alone"
    if len(path.encode()) > _MAX_PATH:
        return f"is longer than {_MAX_PATH:,} bytes"
    for name in path.split("/"):
        if name in ("", ".", ".."):
            return "is not a plain path below the run's folder"
        if len(name.encode()) > _MAX_NAME:
            return f"has a name longer than {_MAX_NAME} bytes"
        if name.startswith(_UNFINISHED):
            return "has a name that is kept for files under way"
    return ""


def _check_name(folder: Path) -> None:
    """Refuse a folder that could not be made, or not be written down in JSON."""
    try:
        whole, longest = len(str(folder).encode()), max(map(_size, folder.parts))
    except UnicodeEncodeError as error:
        raise _unusable(folder, "its name is not UTF-8") from error
    if "\0" in str(folder):
        raise _unusable(folder, "its name has a NUL character")
    if longest > _MAX_NAME or whole > _MAX_ROOT:
        raise _unusable(folder, "its name is too long")


def _size(name: str) -> int:
    return len(name.encode())


def _unusable(folder: Path, why: str | None) -> WorkspaceError:
    return WorkspaceError(
        f"the folder {_shown(str(folder))} cannot be used: {why}",
        "choose another folder for the files",
    )


def _refusal(path: str, error: OSError) -> WorkspaceError:
    known = _REASONS.get(error.errno or 0)
    reason, remedy = known or (f"cannot be used: {error.strerror}", _CHOOSE)
    return WorkspaceError(f"{_shown(path)} {reason}", remedy)


def _shown(path: str) -> str:
    return repr(path if len(path) <= 200 else f"{path[:200]}…")
