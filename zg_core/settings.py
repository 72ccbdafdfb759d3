"""A plugin's own section of the configuration, and its secrets."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .errors import ConfigError

__all__ = ["Settings"]


class Settings(Mapping[str, Any]):
    """One plugin's section ``[plugins.config."<id>"]``.

    Args:
        plugin: The plugin's id.
        values: What the section holds.
        on_secret: Told each secret that is handed out, so that it can be kept
            out of everything printed, logged and journaled.
        table: What the section is called in the file, where it is not the whole.
    """

    def __init__(
        self,
        plugin: str = "",
        values: Mapping[str, Any] | None = None,
        *,
        on_secret: Callable[[str], None] = lambda _: None,
        table: str = "",
    ) -> None:
        self._plugin = plugin
        self._table = table or f'plugins.config."{plugin}"'
        self._values = dict(values or {})
        self._on_secret = on_secret

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Settings({self._plugin!r}, keys={sorted(self._values)})"

    def section(self, name: str) -> Settings:
        """Return a table within the section; an empty one if it is not there.

        Raises:
            ConfigError: If something else is there.
        """
        values = self.get(name, {})
        if not isinstance(values, Mapping):
            raise ConfigError(
                f"{name} in [{self._table}] must be a table",
                f"write [{self._table}.{name}] in your own configuration file",
                plugin=self._plugin,
            )
        return Settings(
            self._plugin,
            values,
            on_secret=self._on_secret,
            table=f"{self._table}.{name}",
        )

    def secret(self, name: str, *, env: str | None = None) -> str:
        """Return a secret: from the environment variable *env*, else the section.

        Raises:
            ConfigError: If it is in neither.
        """
        value = (os.environ.get(env) if env else None) or self.get(name) or ""
        if not str(value).strip():
            where = f"{name} in [{self._table}]"
            raise ConfigError(
                f"{self._plugin or 'the plugin'} needs the secret {name!r}",
                f"set {env}, or {where} of your own configuration file"
                if env
                else f"set {where} of your own configuration file",
                plugin=self._plugin,
                secret=name,
            )
        self._on_secret(str(value))
        return str(value)
