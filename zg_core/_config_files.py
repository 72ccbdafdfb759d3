"""Find and read the files a configuration comes from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import ConfigError

__all__ = [
    "LOCK_FILE",
    "PROJECT_FILE",
    "ConfigFile",
    "find_project_file",
    "home",
    "read_file",
    "write_file",
]

PROJECT_FILE = "zg.toml"
LOCK_FILE = "zg-plugins.lock"


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A file of configuration, as it was read."""

    path: Path
    text: str
    table: dict[str, Any]

    def line(self, key: str) -> int | None:
        """Return the line, from 1, on which the dotted *key* is set.

        TOML's parser keeps no positions. So the file is read again up to each
        line, until the key is there; only those who report an error pay for it.
        """
        import tomllib

        lines = self.text.splitlines(keepends=True)
        start = 0
        for count in range(1, len(lines) + 1):
            try:
                table = tomllib.loads("".join(lines[:count]))
            except tomllib.TOMLDecodeError:
                continue
            if _holds(table, key):
                return start + 1
            start = count
        return None

    def position(self, key: str) -> dict[str, Any]:
        """Return the file and line of a key, as details of an error."""
        return {"file": str(self.path), "line": self.line(key)}

    def where(self, key: str) -> str:
        """Return the file and line of a key, for people."""
        line = self.line(key)
        return f"{self.path}, line {line}" if line else str(self.path)


def _holds(table: object, key: str) -> bool:
    if not isinstance(table, Mapping):
        return False
    return key in table or any(
        key.startswith(f"{name}.") and _holds(value, key[len(name) + 1 :])
        for name, value in table.items()
    )


def home(environ: Mapping[str, str]) -> Path | None:
    """Return the folder of ``$ZG_HOME``, which holds all that is the user's."""
    folder = environ.get("ZG_HOME")
    return Path(folder).expanduser().absolute() if folder else None


def read_file(path: Path) -> ConfigFile | None:
    """Return what a file holds; `None` if it does not exist.

    Raises:
        ConfigError: If it cannot be read, or is not TOML (https://toml.io, 1.0).
    """
    import tomllib

    try:
        # Some editors put a byte order mark first, which TOML does not allow.
        text = path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise ConfigError(
            f"{path} cannot be read: {reason}",
            "make it a readable TOML file, or remove it",
            file=str(path),
        ) from error
    try:
        return ConfigFile(path, text, tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"{path} is not TOML: {error}", "correct the line", file=str(path)
        ) from error


def find_project_file(cwd: Path) -> ConfigFile | None:
    """Return the nearest project file: in *cwd*, or above, within its repository."""
    for folder in (cwd, *cwd.parents):
        if found := read_file(folder / PROJECT_FILE):
            return found
        if (folder / ".git").exists():
            break
    return None


def write_file(path: Path, text: str) -> None:
    """Write a file whole or not at all, readable by its owner alone if it is new.

    Raises:
        ConfigError: If it cannot be written.
    """
    import tempfile

    path = path.resolve()  # a link stays one: people keep their files elsewhere
    unfinished = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, unfinished = tempfile.mkstemp(dir=path.parent, prefix=".zg-")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        if path.exists():
            Path(unfinished).chmod(path.stat().st_mode & 0o777)
        Path(unfinished).replace(path)
    except OSError as error:
        with suppress(OSError):
            Path(unfinished).unlink()
        raise ConfigError(
            f"{path} cannot be written: {error.strerror}",
            "make its folder writable, or set ZG_HOME to another one",
            file=str(path),
        ) from error
