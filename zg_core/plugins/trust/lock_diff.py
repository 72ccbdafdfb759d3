"""Say what would change since plugins were locked."""

from __future__ import annotations

import difflib
import json
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..._isolation import contain
from ..._json import JsonObject
from .lock import Lock, LockedPlugin, digest_of

__all__ = ["Change", "Difference", "ToolChange", "differences"]

Change: TypeAlias = Literal["added", "removed", "changed"]
_WIDTH = 72


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolChange:
    """What changed in what models are told of a tool.

    Attributes:
        name: The tool.
        change: What became of it.
        diff: The lines of a unified diff.
    """

    name: str
    change: Change
    diff: tuple[str, ...]

    def document(self) -> JsonObject:
        """Return it as JSON."""
        return {"name": self.name, "change": self.change, "diff": list(self.diff)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What changed in one plugin.

    Attributes:
        plugin: Its id.
        change: What became of it.
        locked: The locked version; `None` if it is not locked.
        installed: The installed version; `None` if it is not installed.
        files: Whether its files differ, or whether it is editable.
        tools: The tools that differ.
    """

    plugin: str
    change: Change
    locked: str | None
    installed: str | None
    files: bool
    tools: tuple[ToolChange, ...]

    def document(self) -> JsonObject:
        """Return it as JSON."""
        return {
            "plugin": self.plugin,
            "change": self.change,
            "locked": self.locked,
            "installed": self.installed,
            "files": self.files,
            "tools": [tool.document() for tool in self.tools],
        }


def differences(old: Lock, new: Lock) -> tuple[Difference, ...]:
    """Return what differs between two locks, by plugin."""
    ids = sorted(old.plugins.keys() | new.plugins.keys())
    found = (_difference(id, old.plugins.get(id), new.plugins.get(id)) for id in ids)  # noqa: A001
    return tuple(difference for difference in found if difference)


def _difference(
    plugin: str, old: LockedPlugin | None, new: LockedPlugin | None
) -> Difference | None:
    tools = tuple(_tool_changes(old, new))
    files = bool(old and new) and _files(old) != _files(new)
    locked = old.version if old else None
    installed = new.version if new else None
    if locked == installed and not files and not tools:
        return None
    return Difference(
        plugin=plugin,
        change=_change(old, new),
        locked=locked,
        installed=installed,
        files=files,
        tools=tools,
    )


def _change(old: object, new: object) -> Change:
    if old is None:
        return "added"
    return "changed" if new is not None else "removed"


def _files(plugin: LockedPlugin | None) -> tuple[object, ...]:
    return (plugin.record_sha256, plugin.files, plugin.editable) if plugin else ()


def _tool_changes(
    old: LockedPlugin | None, new: LockedPlugin | None
) -> Iterator[ToolChange]:
    before: Mapping[str, str] = old.tools if old else {}
    after: Mapping[str, str] = new.tools if new else {}
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            lines = difflib.unified_diff(
                _lines(old, name), _lines(new, name), "locked", "installed", lineterm=""
            )
            change = _change(before.get(name), after.get(name))
            yield ToolChange(name=name, change=change, diff=tuple(lines))


def _lines(plugin: LockedPlugin | None, name: str) -> list[str]:
    """Return what models are told, in lines.

    The text of a lock may have been edited without its digest, which counts.
    """
    if plugin is None or name not in plugin.tools:
        return []
    text = plugin.tool_texts.get(name)
    with contain():
        if text is not None and digest_of(name, text) == plugin.tools[name]:
            parameters = json.dumps(text["parameters"], indent=2)
            description = textwrap.wrap(str(text["description"]), _WIDTH)
            return [*description, *parameters.splitlines()]
    return [f"(only the digest is known: {plugin.tools[name]})"]
