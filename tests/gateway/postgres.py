"""A PostgreSQL server of the tests' own, for as long as they take."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["programs", "restart", "serving"]

_UNSAFE = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"
_ALONE = "-c listen_addresses=''"


def programs() -> Path | None:
    """Return where the server's programs are; `None` if they are not installed."""
    installed = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name)
    )
    known = shutil.which("initdb")
    places = [*reversed(installed), *([Path(known).parent] if known else [])]
    return next((place for place in places if (place / "pg_ctl").exists()), None)


@contextmanager
def serving(place: Path, *, safe: bool = False, connections: int = 60) -> Iterator[str]:
    """Run a server, and yield the address of it, with ``{}`` for the database.

    It listens on a socket in a folder of its own. It runs as somebody else where we
    are root, which it refuses to be.

    Args:
        place: Where its programs are.
        safe: Whether it waits for the disk, as one does that is relied on.
        connections: How many it takes.
    """
    # A socket's path must be short.
    folder = Path(tempfile.mkdtemp(prefix="zgpg", dir="/tmp"))
    who = _somebody() if os.geteuid() == 0 else None
    try:
        if who is not None:
            os.chown(folder, who.pw_uid, who.pw_gid)
        data = folder / "data"
        _run(
            who,
            place / "initdb",
            "-D",
            data,
            "-U",
            "zg",
            "-A",
            "trust",
            "-N",
            "-E",
            "UTF8",
        )
        unsafe = "" if safe else _UNSAFE
        most = f"-c max_connections={connections}"
        options = f"{unsafe} {_ALONE} {most} -c unix_socket_directories={folder}"
        control = (place / "pg_ctl", "-D", data, "-w")
        _run(who, *control, "-l", folder / "log", "-o", options, "start")
        try:
            yield f"postgresql://zg@/{{}}?host={folder}"
        finally:
            _run(who, *control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def restart(place: Path, address: str) -> None:
    """Stop a server as if its machine had no power for a moment, and start it again."""
    data = Path(address.partition("?host=")[2]) / "data"
    who = _somebody() if os.geteuid() == 0 else None
    _run(who, place / "pg_ctl", "-D", data, "-w", "-m", "immediate", "restart")


def _somebody() -> pwd.struct_passwd:
    names = {entry.pw_name for entry in pwd.getpwall()}
    return pwd.getpwnam("postgres" if "postgres" in names else "nobody")


def _run(who: pwd.struct_passwd | None, *command: object) -> None:
    subprocess.run(
        [str(word) for word in command],
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        user=who.pw_uid if who else None,
        group=who.pw_gid if who else None,
        extra_groups=[] if who else None,
    )
