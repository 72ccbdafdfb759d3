"""Hear what code reaches outside of the process, and keep it off the network."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path
from typing import Any

__all__ = ["Watch"]

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_NETWORK = ("socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo")
_STARTS = (
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.spawn",
)
_FILES = (
    "os.chmod",
    "os.link",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.symlink",
    "os.truncate",
    "sqlite3.connect",
)
_CORE = str(Path(__file__).parents[2])
_STDLIB = sysconfig.get_path("stdlib")


class Watch:
    """Notes what code reaches outside the process, and refuses it the network.

    The interpreter keeps such a hook for ever, so it is silent outside ``with``.

    Attributes:
        effects: What it wrote or started.
        network: What it wanted of the network.
    """

    def __init__(self) -> None:
        self.effects: list[str] = []
        self.network: list[str] = []
        self._open = False
        sys.addaudithook(self.hear)

    def __enter__(self) -> Watch:
        self._open = True
        return self

    def __exit__(self, *_: object) -> None:
        self._open = False

    def hear(self, event: str, args: tuple[Any, ...]) -> None:
        """Note an event that the interpreter tells of.

        Raises:
            ConnectionRefusedError: If it is one of the network.
        """
        if not self._open:
            return
        if event in _NETWORK:
            self._note(self.network, f"{event} {_address(event, args)}")
            raise ConnectionRefusedError("there is no network for a plugin here")
        if event in _STARTS:
            self._note(self.effects, f"starts a process ({event})")
        elif event == "open" and _writes(args[0], args[2]):
            self._note(self.effects, f"opens {os.fsdecode(args[0])} to write")
        elif event in _FILES and "__pycache__" not in str(args[0]):
            self._note(self.effects, f"calls {event} on {args[0]!s:.200}")

    def _note(self, notes: list[str], text: str) -> None:
        place = _place()
        # What a host does, it does for itself, or was asked for through a context.
        if notes is self.effects and place.startswith(_CORE):
            return
        whole = f"{text}, in {place}"
        if whole not in notes:
            notes.append(whole)


def _address(event: str, args: tuple[Any, ...]) -> str:
    return str(args[:2] if event == "socket.getaddrinfo" else args[1])


def _writes(path: object, flags: int) -> bool:
    if not isinstance(path, str | bytes) or not flags & _WRITES:
        return False
    name = os.fsdecode(path)
    return name != os.devnull and "__pycache__" not in name


def _place() -> str:
    """Return the line that did it: the innermost one that is no library's of Python."""
    frame = sys._getframe(3)
    while frame.f_back is not None:
        file = frame.f_code.co_filename
        packaged = "site-packages" in file or not file.startswith(_STDLIB)
        if packaged and not file.startswith("<"):
            break
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
