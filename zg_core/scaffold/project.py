"""Read from the project of a plugin what it will be when it is installed."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._isolation import contain
from .._names import plugin_id
from ..errors import InputError
from ..plugins.finding.discover import sources_of
from ..plugins.finding.scan import GROUP, MANIFESTS, Copy
from ..plugins.finding.sources import Source
from .names import is_distribution

__all__ = ["Project", "read_project"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A plugin's project.

    Attributes:
        folder: Where it is.
        name: The distribution's name, normalised.
        sources: The plugins it has, as they would be found if it were installed.
    """

    folder: Path
    name: str
    sources: tuple[Source, ...]

    @property
    def root(self) -> Path:
        """The folder that holds its packages."""
        return _root(self.folder)

    def manifest(self, source: Source) -> Path:
        """Return where a plugin's manifest belongs.

        Raises:
            InputError: If the project does not name one.
        """
        package, colon, file = source.manifest.partition(":")
        if not colon or not package or not file or "/" in source.manifest:
            entry_point = source.entry_point
            raise InputError(
                f"pyproject.toml names no manifest for the plugin {source.id!r}",
                f'write {entry_point} = "PACKAGE:zg_plugin.json" under '
                f'[project.entry-points."{MANIFESTS}"]',
            )
        return self.root.joinpath(*package.strip().split("."), file.strip())


def read_project(folder: Path) -> Project:
    """Read a plugin's ``pyproject.toml``.

    Source: https://packaging.python.org/en/latest/specifications/pyproject-toml/

    Raises:
        InputError: If there is none, or it has no plugin.
    """
    path = folder / "pyproject.toml"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(
            f"there is no pyproject.toml in {folder}",
            "call this in the folder of a plugin's project",
        ) from error
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read: {error}", "make it a readable TOML file"
        ) from error
    with contain():
        project = table["project"]
        name = plugin_id(project["name"])
        copy = Copy(
            name=name,
            version=str(project.get("version", "unknown")),
            folder=str(_root(folder) / "pyproject.toml"),
            offers=_entry_points(project, GROUP),
            manifests=_entry_points(project, MANIFESTS),
            requires=tuple(project.get("dependencies", ())),
            editable=str(folder),
        )
        sources = tuple(s for s in sources_of([copy]).sources if s.copy is copy)
        if sources and is_distribution(project["name"]):
            return Project(folder=folder, name=name, sources=sources)
    if not isinstance(table.get("project"), dict) or "name" not in table["project"]:
        raise InputError(
            f"{path} does not say what the project is called",
            "write name and version under [project]",
        )
    raise InputError(
        f"{path} names no plugin",
        f'name its module under [project.entry-points."{GROUP}"]',
    )


def _root(folder: Path) -> Path:
    return folder / "src" if (folder / "src").is_dir() else folder


def _entry_points(
    project: Mapping[str, Any], group: str
) -> tuple[tuple[str, str], ...]:
    entry_points = project.get("entry-points", {}).get(group, {})
    return tuple((name, str(value)) for name, value in entry_points.items())
