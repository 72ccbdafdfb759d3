"""Read the metadata of installed distributions, and run none of their code.

One scan, each distribution guarded: unreadable metadata hides nobody but itself.
Of a distribution without a plugin only the entry points are looked at.

Always `importlib_metadata`, never the standard library's `importlib.metadata`:
importing the one unplugs the other's finder, and then they mix. It finds the files,
and we read them: it would parse each anew for every field, as an e-mail.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import importlib_metadata

from ..._isolation import contain
from ..._names import clean_description, plugin_id
from ..._version import is_this_code
from ..diagnose import Findings

__all__ = ["GROUP", "MANIFESTS", "Copy", "scan"]

GROUP = "zerogravity.plugins"
MANIFESTS = "zerogravity.manifests"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
_NOTHING = FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """One installed copy of a distribution that has plugins.

    Attributes:
        name: Its normalised name.
        version: Its version.
        folder: The folder of its metadata.
        offers: Names and values of its entry points, as they stand there.
        manifests: The same of those that name its plugins' manifests.
        requires: Its requirements, as written.
        origin: Where it was installed from, as far as the installer noted it.
        editable: The working copy that was installed; empty if none was.
    """

    name: str
    version: str = "unknown"
    folder: str
    offers: tuple[tuple[str, str], ...]
    manifests: tuple[tuple[str, str], ...] = ()
    requires: tuple[str, ...] = ()
    origin: str = "index"
    editable: str = ""

    @property
    def root(self) -> str:
        """The folder that holds its packages."""
        return os.path.dirname(self.folder)  # noqa: PTH120 - asked for each plugin

    @property
    def owns_core(self) -> bool:
        """Whether the code that is running right now is its."""
        return is_this_code(self.root, *([self.editable] if self.editable else []))


def scan(findings: Findings) -> list[Copy]:
    """Return the distributions that have plugins, in the order of `sys.path`."""
    copies: dict[str, Copy | None] = {}
    for distribution in _distributions(findings):
        offers: list[tuple[str, str]] = []
        manifests: list[tuple[str, str]] = []
        with contain() as caught:
            for group, name, value in _entry_points(distribution):
                if group == GROUP:
                    offers.append((name, value))
                elif group == MANIFESTS:
                    manifests.append((name, value))
        if not offers and not caught.error:
            continue
        folder = _folder(distribution)
        if folder in copies:
            continue  # what holds it stands twice on `sys.path`
        if caught.error:
            copies[folder] = None
            findings.add(
                "ZG101",
                f"the entry points in {folder} cannot be read",
                f"remove {folder}, or install that package again",
                error=caught.error,
            )
        else:
            copies[folder] = _copy(
                distribution, folder, tuple(offers), tuple(manifests), findings
            )
    return [copy for copy in copies.values() if copy]


def _distributions(findings: Findings) -> list[Any]:
    found: list[Any] = []  # each version of the library types them otherwise
    with contain() as caught:
        for distribution in importlib_metadata.distributions():
            found.append(distribution)  # noqa: PERF402 - keep those before an error
    if caught.error:
        findings.add(
            "ZG101",
            "not all installed packages can be listed",
            "look for what broke `importlib_metadata.distributions()`",
            error=caught.error,
        )
    return found


def _entry_points(distribution: Any) -> Iterator[tuple[str, str, str]]:
    """Yield group, name and value of each entry point.

    Raises:
        ValueError: If a line is none, in whichever group.
    """
    group = ""
    for line in (_text(distribution, "entry_points.txt") or "").splitlines():
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if equals:
            yield group, name.rstrip(), value.lstrip()
        elif line.startswith("[") and line.endswith("]"):
            group = line[1:-1]
        else:
            raise ValueError(f"{line!r} is no entry point")


def _text(distribution: Any, file: str) -> str | None:
    """Return the text of a file of the metadata; `None` if there is none."""
    folder = getattr(distribution, "_path", None)
    ordinary = type(distribution) is importlib_metadata.PathDistribution
    if not ordinary or not isinstance(folder, os.PathLike):  # but inside a zip, say
        text: str | None = distribution.read_text(file)
        return text
    with suppress(*_NOTHING):
        path = os.path.join(folder, file)  # noqa: PTH118
        with open(path, encoding="utf-8") as opened:  # noqa: PTH123 - half the time
            return opened.read()
    return None


def _described(distribution: Any) -> tuple[str, str, tuple[str, ...]]:
    """Return the normalised name, the version and the requirements."""
    text = _text(distribution, "METADATA")
    if text is None:  # it is an egg
        metadata = distribution.metadata
        name, version = metadata["Name"], metadata["Version"]
        requires = tuple(distribution.requires or ())
    else:
        head = re.sub(r"\n[ \t]+", " ", text.partition("\n\n")[0])
        fields: dict[str, list[str]] = {}
        for line in head.splitlines():
            field, _, value = line.partition(":")
            fields.setdefault(field.lower(), []).append(value.strip())
        [name] = fields.get("name", [""])[:1]
        [version] = fields.get("version", [""])[:1]
        requires = tuple(fields.get("requires-dist", ()))
    return plugin_id(name), clean_description(version or ""), requires


def _copy(
    distribution: Any,
    folder: str,
    offers: tuple[tuple[str, str], ...],
    manifests: tuple[tuple[str, str], ...],
    findings: Findings,
) -> Copy | None:
    name, version = "", ""
    requires: tuple[str, ...] = ()
    with contain():
        name, version, requires = _described(distribution)
    # pip renames what it is about to remove, and may be killed before it does.
    if not _NAME.fullmatch(name) or Path(folder).name.startswith("~"):
        findings.add(
            "ZG102",
            f"the plugin in {folder} belongs to no distribution: "
            "it has no name, or is what an interrupted pip left",
            f"remove {folder}, or install that package again",
        )
        return None
    origin, editable = _origin(distribution)
    return Copy(
        name=name,
        version=version or "unknown",
        folder=folder,
        offers=offers,
        manifests=manifests,
        requires=requires,
        origin=origin,
        editable=editable,
    )


def _folder(distribution: Any) -> str:
    # Nothing public tells the folder, and a message without it helps nobody.
    path = str(getattr(distribution, "_path", distribution))
    parent, name = os.path.split(path.rstrip("/"))  # one inside a zip ends with it
    return os.path.join(_real(parent), name)  # noqa: PTH118 - there may be a thousand


@cache
def _real(folder: str) -> str:
    return os.path.realpath(folder)


def _origin(distribution: Any) -> tuple[str, str]:
    """Return where it was installed from, and the working copy if it is editable.

    Source: ``direct_url.json``, which installers write for all that does not come
    from an index (https://packaging.python.org/en/latest/specifications/direct-url/).
    """
    url, editable = "", False
    with contain():
        direct = json.loads(_text(distribution, "direct_url.json") or "{}")
        url = str(direct.get("url", ""))
        editable = direct.get("dir_info", {}).get("editable") is True
    parts = urlsplit(url)
    if parts.scheme == "file":
        path = unquote(parts.path)
        return (f"editable {path}", path) if editable else (path, "")
    if not url:
        return "index", ""
    host = parts.netloc.rpartition("@")[2]  # what is before it may be a password
    return f"{parts.scheme}://{host}{parts.path}", ""
