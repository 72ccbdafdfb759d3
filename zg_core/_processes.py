"""A process on a machine, and whether it is still there."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Process"]


@dataclass(frozen=True, slots=True)
class Process:
    """A process, as another one can look for it later.

    Attributes:
        host: The machine's name.
        boot: The id of the machine's latest start; empty where there is no /proc.
        namespace: What the numbers of processes are counted in: a container has
            its own.
        pid: The process's number.
        started: When it was started, in ticks since the machine's start: numbers
            of processes are used again.
    """

    host: str
    boot: str
    namespace: str
    pid: int
    started: int

    @classmethod
    def here(cls) -> Process:
        """Return this process."""
        pid = os.getpid()
        return Process(
            host=platform.node(),
            boot=_boot(),
            namespace=_namespace(),
            pid=pid,
            started=_started(pid) or 0,
        )

    @property
    def gone(self) -> bool:
        """Whether the process is certainly no more; `False` where nobody can tell."""
        if self.host != platform.node():
            return False
        if not self.boot:
            return os.name == "posix" and not _exists(self.pid)
        if self.boot != _boot():
            return True
        return self.namespace == _namespace() and self.started != _started(self.pid)


def _boot() -> str:
    return _read("/proc/sys/kernel/random/boot_id").strip()


def _namespace() -> str:
    with suppress(OSError):
        return str(Path("/proc/self/ns/pid").readlink())
    return ""


def _started(pid: int) -> int | None:
    """Return when a process was started; `None` if there is none of that number."""
    stat = _read(f"/proc/{pid}/stat")
    if not stat:
        return None
    # proc_pid_stat(5): the name, in brackets, may hold anything; what follows it is
    # the 3rd field, the state, and the start time is the 22nd.
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in ("Z", "X") else int(fields[18])


def _read(path: str) -> str:
    with suppress(OSError):
        return Path(path).read_text()
    return ""


def _exists(pid: int) -> bool:
    # POSIX: signal 0 is not sent, but whether it could be is checked.
    try:
        with suppress(PermissionError):  # it is another user's
            os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
