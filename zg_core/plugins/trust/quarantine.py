"""Keep a plugin out that took its process down while it was imported.

`os._exit`, a crash in C, a hang that somebody ends: nothing in the process can
catch that. So a crumb is left in a file before a stranger's code is imported, and
taken away after. A crumb whose process is no more tells of an import that did not
end, and its plugin is not imported again before `forget_quarantine`.

A plugin is meant with its version and its place: another environment of the same
user, or a version that was mended, is not concerned. Where no file can be written
there are no crumbs, and all else goes on.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

from ..._processes import Process
from ...config import data_dir
from ..finding.sources import Source

__all__ = ["forget_quarantine", "in_quarantine", "quarantined", "watched"]

_LONGEST = 3600.0
"""Seconds after which no import goes on, whosever it is and wherever it runs."""

_SLOW = 3
"""Seconds after which the user is told what is being waited for."""


def quarantined() -> frozenset[str]:
    """Return the keys of the plugins that are kept out; see `in_quarantine`."""
    keys = {_key_in(path) for path in _files("quarantine")}
    for crumb in _files("loading"):
        if _abandoned(crumb):
            keys.add(_key_in(crumb))
            _keep(crumb)
    return frozenset(keys)


def in_quarantine(source: Source, keys: frozenset[str]) -> bool:
    """Tell whether a plugin is among those that are kept out."""
    return _foreign(source) and _key(source) in keys


def forget_quarantine(source: Source) -> bool:
    """Let a plugin be imported again, and tell whether it was kept out.

    Raises:
        OSError: If that cannot be written down.
    """
    crumbs = [path for path in _files("loading") if _abandoned(path)]
    kept = [p for p in (*_files("quarantine"), *crumbs) if _key_in(p) == _key(source)]
    for path in kept:
        path.unlink(missing_ok=True)
    return bool(kept)


@contextmanager
def watched(source: Source) -> Iterator[None]:
    """Watch a plugin's import, and remember it if it does not end by itself.

    It has ended when it returned or raised; but not when it was interrupted.
    """
    if not _foreign(source):
        yield
        return
    crumb = _leave_crumb(source)
    slow = threading.Timer(_SLOW, _say_slow, (source.id,))
    slow.daemon = True
    slow.start()
    try:
        yield
    finally:
        slow.cancel()
    with suppress(OSError):
        crumb.unlink()


def _foreign(source: Source) -> bool:
    """Tell whether it is a stranger's code that is imported from a file."""
    return not source.builtin and source.place != ""


def _key(source: Source) -> str:
    what = "\0".join((source.id, source.version, source.place))
    return sha256(what.encode(errors="replace")).hexdigest()[:32]


def _key_in(path: Path) -> str:
    return path.name.partition(".")[0]


def _leave_crumb(source: Source) -> Path:
    # By its name a later import that ends well takes away what this process left
    # when an earlier one was interrupted.
    path = data_dir() / "loading" / f"{_key(source)}.{os.getpid()}.json"
    crumb = {
        "plugin": source.id,
        "version": source.version,
        "path": source.place,
        "process": asdict(Process.here()),
    }
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(crumb), encoding="utf-8")
    return path


def _keep(crumb: Path) -> None:
    """Keep what a crumb says, so that it holds for good."""
    with suppress(OSError):  # another process was faster, or nothing can be written
        folder = data_dir() / "quarantine"
        folder.mkdir(exist_ok=True)
        crumb.replace(folder / f"{_key_in(crumb)}.json")


def _abandoned(crumb: Path) -> bool:
    try:
        process = Process(**json.loads(crumb.read_bytes())["process"])
        return process.gone or time.time() - crumb.stat().st_mtime > _LONGEST
    except (OSError, ValueError, LookupError, TypeError):
        return False  # it was taken away just now, or never written to its end


def _files(folder: str) -> list[Path]:
    with suppress(OSError):
        return list((data_dir() / folder).iterdir())
    return []


def _say_slow(plugin: str) -> None:
    line = f"still importing {plugin} ({_SLOW} s); disable with -p no:{plugin}\n"
    # Not by `sys.stderr`, which the plugin may have replaced.
    with suppress(OSError):
        os.write(2, line.encode(errors="replace"))
