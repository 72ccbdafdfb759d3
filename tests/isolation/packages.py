"""What a bad plugin is: a package to install, and what must be said of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

from installing import Site

__all__ = ["SOUND", "Bad", "EntryPoints", "Package", "hook", "renamed"]

EntryPoints = Mapping[str, str] | str | None
Spoil = Callable[[Path], object]

_HEAD = """
import os
import zg_core.plugin_api as zg

with open(os.environ["IMPORTED"], "a") as _log:
    _log.write(__name__ + chr(10))

"""
"""Begins every module: it leaves a trace of being imported."""

SOUND = """
class Sound:
    async def run(self, ctx):
        return zg.Reply(output="sound")

"""


@dataclass(frozen=True, kw_only=True)
class Package:
    """One distribution.

    Attributes:
        name: Its name; ``zg-bad`` and ``zg_bad`` are replaced wherever they stand.
        code: Its module, which leaves a trace when it is imported.
        raw: Whether its module is its code and nothing else.
        version: Its version.
        entry_points: Its entry points, as `Site.install` takes them.
        requires: Its requirements.
        files: Further files of its metadata.
        modules: Further files beside its module.
        spoil: What is done to the folder of its metadata afterwards.
    """

    name: str = "zg-bad"
    code: str = ""
    raw: bool = False
    version: str = "1.0"
    entry_points: EntryPoints = None
    requires: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    modules: Mapping[str, str] = field(default_factory=dict)
    spoil: Spoil | None = None

    def install(self, site: Site, name: str = "zg-bad") -> Path:
        """Install it as part of a plugin of that name; return its metadata's folder."""
        code = dedent(renamed(self.code, name))
        entry_points = self.entry_points
        if isinstance(entry_points, str):
            entry_points = renamed(entry_points, name)
        elif entry_points:
            entry_points = {k: renamed(v, name) for k, v in entry_points.items()}
        folder = site.install(
            renamed(self.name, name),
            _HEAD + code if code and not self.raw else code,
            version=self.version,
            entry_points=entry_points,
            requires=self.requires,
            files={k: renamed(v, name) for k, v in self.files.items()},
        )
        for path, text in self.modules.items():
            file = site.folder / renamed(path, name)
            file.parent.mkdir(exist_ok=True)
            file.write_text(renamed(text, name))
        if self.spoil:
            self.spoil(folder)
        return folder


@dataclass(frozen=True)
class Bad:
    """A bad plugin.

    Attributes:
        row: The row of the table it belongs to.
        case: Which of that row's cases it is.
        code: Its module.
        state: What its row says; `None` if it has none.
        codes: The codes of what is wrong with it, in order.
        said: A part of each message, of those first that are about no plugin.
        general: The codes of what is wrong with no plugin.
        offers: What of it can be used all the same: ``kind:name``.
        id: The plugin's id.
        name: The distribution's name, and further facts of it: see `Package`.
        beside: Further distributions that come with it.
        together: Whether any number of such can be installed at once.
        kills: Whether the process does not survive importing it for the first time.
        once_loaded: What of this is otherwise as soon as it was loaded.
        environ: What the environment says besides.
        config: What the user's configuration says.
    """

    row: str
    case: str
    code: str
    state: str | None
    codes: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    _: KW_ONLY
    general: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()
    id: str = "zg-bad"
    name: str = "zg-bad"
    raw: bool = False
    version: str = "1.0"
    entry_points: EntryPoints = None
    requires: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    modules: Mapping[str, str] = field(default_factory=dict)
    spoil: Spoil | None = None
    beside: tuple[Package, ...] = ()
    together: bool = True
    kills: bool = False
    once_loaded: Mapping[str, Any] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    config: str = ""

    def __str__(self) -> str:
        return f"{self.row}-{self.case.replace(' ', '-')}"

    def install(self, site: Site, name: str = "zg-bad") -> Path:
        """Install it under a name; return its metadata's folder."""
        own = Package(
            name=self.name,
            code=self.code,
            raw=self.raw,
            version=self.version,
            entry_points=self.entry_points,
            requires=self.requires,
            files=self.files,
            modules=self.modules,
            spoil=self.spoil,
        )
        for package in self.beside:
            package.install(site, name)
        return own.install(site, name)


def renamed(text: str, name: str) -> str:
    """Return *text* with the bad plugin's name replaced."""
    module = re.sub(r"[^a-z0-9]+", "_", name)
    return text.replace("zg-bad", name).replace("zg_bad", module)


def hook(
    body: str,
    kind: str = "agents",
    *,
    head: str = "def",
    asks: str = "",
    options: str = "",
) -> str:
    """Return the code of a hook that offers things of a kind."""
    lines = indent(dedent(body).strip(), "    ")
    mark = f"@zg.hookimpl({options})" if options else "@zg.hookimpl"
    return f"{mark}\n{head} zg_register_{kind}({asks}):\n{lines}\n\n"
