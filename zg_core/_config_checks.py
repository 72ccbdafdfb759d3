"""Check what a file of configuration says, and what it may say where it stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ._config_files import ConfigFile
from ._config_keys import KEYS, PROJECT_KEYS, TABLES, check_value, is_for_projects
from ._names import is_name
from .errors import ConfigError

__all__ = ["check_file", "check_project", "leaves"]


def leaves(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values in nested tables, by dotted key."""
    for name, value in table.items():
        key = prefix + name
        if key in TABLES and isinstance(value, Mapping):
            yield from leaves(value, f"{key}.")
        else:
            yield key, value


def check_file(file: ConfigFile) -> dict[str, Any]:
    """Return the values in a file of configuration, by dotted key.

    Raises:
        ConfigError: If a key is unknown, or a value does not fit it.
    """
    values = {}
    for key, value in leaves(file.table):
        try:
            values[key] = check_value(key, value, str(file.path))
        except ConfigError:
            # Once more, with the line, which takes a while to find.
            check_value(key, value, file.where(key), **file.position(key))
        if key in KEYS and not KEYS[key].user:
            raise ConfigError(
                f"{key!r} in {file.where(key)} can hold for one command only",
                "remove it, and give the option to the command",
                key=key,
                **file.position(key),
            )
    return values


def check_project(file: ConfigFile, values: Mapping[str, Any], own: Path) -> None:
    """Refuse what a project's file may not say.

    Raises:
        ConfigError: If there is such a thing in it.
    """
    for key, value in values.items():
        if not is_for_projects(key):
            reason = f"may only set {PROJECT_KEYS}"
        elif key == "model" and any(map(_is_file, value.split(","))):
            reason = "may not name a file as the model"
        elif key == "workflow" and not all(map(is_name, value.split(":"))):
            reason = "may not name a file as the workflow"
        else:
            continue
        raise ConfigError(
            f"{key!r} stands in {file.where(key)}, but a project's file {reason}",
            f"move it to your own file, {own}",
            key=key,
            **file.position(key),
        )


def _is_file(link: str) -> bool:
    *provider, model = link.strip().split(":")
    return (
        model.startswith(("/", ".", "~"))
        or "\\" in model
        or ".gguf" in model
        or ("local" in provider and "/" in model)
    )
