"""Read single settings of the service, and say what is wrong with one."""

from __future__ import annotations

from typing import Any

import zg_core as zg

__all__ = ["TABLE", "checked", "names", "wrong"]

TABLE = "plugins.config.builtin.gateway"
"""What the table of the settings is called."""


def checked(section: zg.Settings, name: str, kind: type) -> Any:
    """Return a setting; `None` if it is not set.

    Args:
        section: The table.
        name: The setting.
        kind: Its type: `str`, `int` or `bool`.

    Raises:
        ConfigError: If it is of another type, or an empty text.
    """
    value = section.get(name)
    if value is None:
        return None
    if type(value) is not kind or value == "":
        words = {str: "text", int: "a whole number", bool: "true or false"}
        raise wrong(name, words[kind])
    return value


def names(section: zg.Settings, name: str) -> tuple[str, ...] | None:
    """Return a setting that is a list of names; `None` if it is not set.

    Raises:
        ConfigError: If it is something else.
    """
    value = section.get(name)
    if value is None:
        return None
    if not isinstance(value, list | tuple) or not all(
        isinstance(one, str) and one for one in value
    ):
        raise wrong(name, "a list of names")
    return tuple(value)


def wrong(name: str, expected: str) -> zg.ConfigError:
    """Return the error that a setting is not what it must be."""
    return zg.ConfigError(
        f"{name} in [{TABLE}] must be {expected}", "correct it, or remove it"
    )
