"""Who owns a run: a process on a machine, and whether it is still there."""

from __future__ import annotations

import json
import os
import platform
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["Owner"]


@dataclass(frozen=True, slots=True)
class Owner:
    """An open journal of a process.

    Attributes:
        host: The machine's name.
        boot: The id of the machine's latest start; empty where there is no /proc.
        namespace: What the numbers of processes are counted in: a container has
            its own.
        pid: The process's number.
        started: When it was started, in ticks since the machine's start: numbers
            of processes are used again.
        journal: Tells the journals that one process has open apart.
    """

    host: str
    boot: str
    namespace: str
    pid: int
    started: int
    journal: str

    @classmethod
    def here(cls) -> Owner:
        """Return a new owner in this process."""
        pid = os.getpid()
        return cls(
            host=platform.node(),
            boot=_boot(),
            namespace=_namespace(),
            pid=pid,
            started=_started(pid) or 0,
            journal=uuid.uuid4().hex,
        )

    @classmethod
    def decode(cls, text: str) -> Owner:
        """Return the owner that `encode` wrote."""
        return cls(**json.loads(text))

    def encode(self) -> str:
        """Return the owner as text: equal owners have equal texts."""
        return json.dumps(asdict(self))

    @property
    def gone(self) -> bool:
        """Whether the process is certainly no more; `False` where nobody can tell."""
        if not self.boot or self.host != platform.node():
            return False
        if self.boot != _boot():
            return True
        return self.namespace == _namespace() and self.started != _started(self.pid)


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _started(pid: int) -> int | None:
    """Return when a process was started; `None` if there is none of that number."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # proc_pid_stat(5): the name, in brackets, may hold anything; what follows it is
    # the 3rd field, the state, and the start time is the 22nd.
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in ("Z", "X") else int(fields[18])
