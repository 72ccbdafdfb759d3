"""Read the metadata of installed distributions, and run none of their code.

One scan, each distribution guarded: unreadable metadata hides nobody but itself.
Of a distribution without a plugin only the entry points are looked at.

Always `importlib_metadata`, never the standard library's `importlib.metadata`:
importing the one unplugs the other's finder, and then they mix.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import importlib_metadata

from .._isolation import contain
from .._names import clean_description, plugin_id
from .diagnose import Findings

__all__ = ["GROUP", "Copy", "scan"]

GROUP = "zerogravity.plugins"
_PACKAGE = Path(__file__).resolve().parent.parent
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """One installed copy of a distribution that has plugins.

    Attributes:
        name: Its normalised name.
        version: Its version.
        folder: The folder of its metadata.
        offers: Names and values of its entry points, as they stand there.
        requires: Its requirements, as written.
        origin: Where it was installed from, as far as the installer noted it.
        editable: The working copy that was installed; empty if none was.
    """

    name: str
    version: str = "unknown"
    folder: str
    offers: tuple[tuple[str, str], ...]
    requires: tuple[str, ...] = ()
    origin: str = "index"
    editable: str = ""

    @property
    def root(self) -> str:
        """The folder that holds its packages."""
        return str(Path(self.folder).parent)

    @property
    def owns_core(self) -> bool:
        """Whether the code that is running right now is its."""
        roots = [Path(root) for root in (self.root, self.editable) if root]
        return any((root / _PACKAGE.name).resolve() == _PACKAGE for root in roots)


def scan(findings: Findings) -> list[Copy]:
    """Return the distributions that have plugins, in the order of `sys.path`."""
    copies: dict[str, Copy | None] = {}
    for distribution in _distributions(findings):
        offers: tuple[tuple[str, str], ...] = ()
        with contain() as caught:
            offers = tuple(
                (entry_point.name, entry_point.value)
                for entry_point in distribution.entry_points
                if entry_point.group == GROUP
            )
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
            copies[folder] = _copy(distribution, folder, offers, findings)
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


def _copy(
    distribution: Any,
    folder: str,
    offers: tuple[tuple[str, str], ...],
    findings: Findings,
) -> Copy | None:
    name, version = "", "unknown"
    requires: tuple[str, ...] = ()
    metadata: Any = {}
    with contain():
        metadata = distribution.metadata  # parsed each time it is asked for
        name = plugin_id(metadata["Name"])
    # pip renames what it is about to remove, and may be killed before it does.
    if not _NAME.fullmatch(name) or Path(folder).name.startswith("~"):
        findings.add(
            "ZG102",
            f"the plugin in {folder} belongs to no distribution: "
            "it has no name, or is what an interrupted pip left",
            f"remove {folder}, or install that package again",
        )
        return None
    with contain():
        version = clean_description(metadata["Version"]) or version
    with contain():
        requires = tuple(distribution.requires or ())
    origin, editable = _origin(distribution)
    return Copy(
        name=name,
        version=version,
        folder=folder,
        offers=offers,
        requires=requires,
        origin=origin,
        editable=editable,
    )


def _folder(distribution: Any) -> str:
    # Nothing public tells the folder, and a message without it helps nobody.
    return os.path.realpath(str(getattr(distribution, "_path", distribution)))


def _origin(distribution: Any) -> tuple[str, str]:
    """Return where it was installed from, and the working copy if it is editable.

    Source: ``direct_url.json``, which installers write for all that does not come
    from an index (https://packaging.python.org/en/latest/specifications/direct-url/).
    """
    url, editable = "", False
    with contain():
        direct = json.loads(distribution.read_text("direct_url.json") or "{}")
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
