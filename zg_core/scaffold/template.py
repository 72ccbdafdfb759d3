"""Write out the template: a real project, whose names are replaced by others.

The template is ``plugin-template/``: the files that every project has are in its
folder ``common``, those of one kind of plugin in a folder of that name. It has no
language of its own; what is called ``zg-example`` there is called otherwise here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from packaging.version import InvalidVersion, Version

from .names import Names

__all__ = ["KINDS", "LEAVINGS", "VERSION", "lowest_core", "render"]

KINDS = (
    "agent",
    "tool",
    "provider",
    "classifier",
    "exporter",
    "guardrail",
    "workflow",
)
"""The kinds of plugins there is a template for."""

VERSION = 1
"""The version of the file that says what was made of the template."""

LEAVINGS = frozenset({"__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"})
"""Folders that Python and its tools leave behind."""

_PACKAGE = Path(__file__).parent.parent
_FIRST = "0.1"


def lowest_core(running: str) -> str:
    """Return the version of ZeroGravity that a new plugin asks for at least.

    That is the running one without its last number, which only mends things.
    """
    try:
        version = Version(running)
    except InvalidVersion:
        return _FIRST
    if version.is_prerelease:
        return version.public
    return f"{version.major}.{version.minor}"


def render(names: Names, kind: str, core: str) -> dict[str, str]:
    """Return the files of a project, by path.

    Args:
        names: What it is called.
        kind: What it offers, one of `KINDS`.
        core: The lowest version of ZeroGravity that it asks for.
    """
    literals = {
        "zg-example": names.distribution,
        "zg_example": names.package,
        "Example": names.title,
        "examples=": "examples=",  # a field of ours
        "example": names.thing,
        f"zerogravity>={_FIRST}": f"zerogravity>={core}",
    }
    return {
        _replaced(path, literals): _replaced(text, literals)
        for folder in ("common", kind)
        for path, text in _files(_template() / folder).items()
    }


def _replaced(text: str, literals: Mapping[str, str]) -> str:
    """Replace all at once, so that what was put in is not replaced again."""
    pattern = "|".join(map(re.escape, literals))
    return re.sub(pattern, lambda found: literals[found[0]], text)


def _template() -> Path:
    """Return the template's folder: inside the wheel, or in a checkout beside us."""
    inside = _PACKAGE / "plugin-template"
    return inside if inside.exists() else _PACKAGE.parent / "plugin-template"


def _files(folder: Path) -> dict[str, str]:
    """Return the files below a folder, without what Python and tests leave behind."""
    paths = {path.relative_to(folder): path for path in sorted(folder.rglob("*"))}
    return {
        relative.as_posix(): path.read_text(encoding="utf-8")
        for relative, path in paths.items()
        if path.is_file() and not LEAVINGS.intersection(relative.parts)
    }
