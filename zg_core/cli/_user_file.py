"""Edit the user's own file of configuration, whose comments stay."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zg_core._config_files import ConfigFile, read_file, write_file
from zg_core.config import check_file, user_file
from zg_core.errors import ConfigError, UnknownNameError

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

__all__ = ["set_value", "unset_value"]


def set_value(key: Sequence[str], value: object) -> Path:
    """Set a value, and return the file.

    Args:
        key: The parts of the dotted key.
        value: What TOML can hold; a tuple becomes a list.

    Raises:
        ConfigError: If the file cannot be used as it would be then.
    """
    document, file = _open()
    *tables, name = key
    table: Any = document
    for part in tables:
        table = table.setdefault(part, {})
        if not isinstance(table, Mapping):
            raise ConfigError(f"{part!r} in {file.path} is not a table", "remove it")
    table[name] = list(value) if isinstance(value, tuple) else value
    text = document.as_string()
    check_file(ConfigFile(file.path, text, tomllib.loads(text)))
    write_file(file.path, text)
    return file.path


def unset_value(key: Sequence[str]) -> Path:
    """Remove a value, and return the file.

    Raises:
        UnknownNameError: If it is not set there.
        ConfigError: If the file cannot be read or written.
    """
    document, file = _open()
    *tables, name = key
    table: Any = document
    for part in tables:
        table = table.get(part) if isinstance(table, dict) else None
    if not isinstance(table, dict) or name not in table:
        raise UnknownNameError(
            f"{'.'.join(key)!r} is not set in {file.path}",
            "`zg config` shows where each value comes from",
        )
    del table[name]
    write_file(file.path, document.as_string())
    return file.path


def _open() -> tuple[TOMLDocument, ConfigFile]:
    """Return the file, twice: to be edited, and as it is."""
    import tomlkit

    path = user_file()
    file = read_file(path) or ConfigFile(path, "", {})
    return tomlkit.parse(file.text), file
