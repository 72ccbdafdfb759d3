"""Look installed plugins over, as strangers' code, and run none of it.

What it finds is for people to judge. It does not find malice: code that means
harm has run when it was installed, or when Python started.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from ..._isolation import contain
from ..._json import JsonObject
from ..._names import plugin_id
from ..diagnose import Severity
from ..finding.scan import Copy
from ..finding.sources import DISTRIBUTION, Source
from ..references import module_of
from .files import FileList, ListedFile, list_files
from .reach import undeclared

__all__ = ["Finding", "Subject", "audit"]

Subject: TypeAlias = Literal["start", "files", "name", "origin", "reach"]
"""What a finding is about: code that runs when Python starts; the list of files and
what it holds; a name like another's; where it came from; what its tools reach."""

_KNOWN = frozenset({DISTRIBUTION, "zg-jsonl", "zg-weather", "zg-words"})
"""Distributions somebody may want to be taken for, installed or not."""

_LIKE = 2
"""How many letters make the difference between names that are alike."""

# What setuptools, editables, meson-python and scikit-build-core write for a working
# copy: an import of the finder they wrote beside it.
_EDITABLE = re.compile(
    r"import (?P<finder>__editable___\w+_finder); ?(?P=finder)\.install\(\)"
    r"|import _editable_impl_\w+|import _\w+_editable(_loader)?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something about an installed plugin that its user should know.

    Attributes:
        plugin: The distribution's name, which is its plugin's id.
        version: Its version.
        severity: ``warning``, or ``info`` for what is usual.
        subject: What it is about.
        message: What it is, as half a sentence.
    """

    plugin: str
    version: str
    severity: Severity
    subject: Subject
    message: str

    def document(self) -> JsonObject:
        """Return it as JSON."""
        return {
            "plugin": self.plugin,
            "version": self.version,
            "severity": self.severity,
            "subject": self.subject,
            "message": self.message,
        }


_Found: TypeAlias = Iterator[tuple[Severity, Subject, str]]


def audit(sources: Iterable[Source]) -> list[Finding]:
    """Return what should be known of these plugins, whether or not they are enabled.

    Args:
        sources: The installed plugins; those that are built in are known.
    """
    by_copy: dict[Copy, list[Source]] = {}
    for source in sources:
        if source.copy and not source.builtin:
            by_copy.setdefault(source.copy, []).append(source)
    names = [copy.name for copy in by_copy]
    return [
        Finding(
            plugin=copy.name,
            version=copy.version,
            severity=severity,
            subject=subject,
            message=message,
        )
        for copy, plugins in by_copy.items()
        for severity, subject, message in _look(copy, plugins, names)
    ]


def _look(copy: Copy, plugins: Sequence[Source], names: Iterable[str]) -> _Found:
    yield from _origin(copy)
    yield from _like(copy.name, names)
    listed = list_files(copy)
    if listed is None:
        yield "warning", "files", "has no RECORD, so that its files cannot be known"
        return
    if not copy.editable:
        flaws = (listed.flaw(source.reference) for source in plugins)
        for flaw in filter(None, dict.fromkeys(flaws)):
            yield "warning", "files", flaw
        yield from _outside(copy, plugins, listed)
    for file in listed.files:
        if file.path.endswith(".pth") and "/" not in file.path:
            yield from _at_start(copy, file.path, listed.place(file))
    for found in undeclared(_modules(listed)):
        yield (
            "warning",
            "reach",
            f"the tool {found.tool!r} does not declare {found.capability!r}, and "
            f"{found.module} imports {found.imports}",
        )


def _origin(copy: Copy) -> _Found:
    if copy.origin.startswith("http://"):
        yield "warning", "origin", f"came from {copy.origin}, which anybody can alter"
    elif copy.origin != "index":
        yield "info", "origin", f"came from {copy.origin}"


def _like(name: str, others: Iterable[str]) -> _Found:
    if name in _KNOWN:
        return
    known = [other for other in sorted(_KNOWN) if _distance(name, other) <= _LIKE]
    for other in known:
        yield "warning", "name", f"is called almost like {other}; is it the one meant?"
    for other in others:
        if other not in (name, *known) and _distance(name, other) <= _LIKE:
            yield "info", "name", f"is called almost like {other}, which is installed"


def _distance(one: str, other: str) -> int:
    """Return how many letters must be put in, taken out or changed."""
    row = list(range(len(other) + 1))
    for count, letter in enumerate(one, 1):
        above, row = row, [count]
        for place, wanted in enumerate(other):
            changed = above[place] + (letter != wanted)
            row.append(min(above[place + 1] + 1, row[place] + 1, changed))
    return row[-1]


def _outside(copy: Copy, plugins: Sequence[Source], listed: FileList) -> _Found:
    """Find files that are neither its packages' nor its metadata."""
    own = {module_of(source.reference).partition(".")[0] for source in plugins}
    own.add(Path(copy.folder).name)
    scripts = {
        str(Path(folder).resolve()) for folder in _script_folders(Path(copy.root))
    }
    tops: set[str] = set()
    for file in listed.files:
        place = listed.place(file)
        if str(Path(place).parent) in scripts:
            yield "info", "files", f"installs the command {Path(place).stem}"
        elif file.path.startswith("/") or ".." in file.path.split("/"):
            yield _far(place)
        elif not file.path.endswith(".pth"):
            tops.add(_top(file))
    for top in sorted(tops - own - {"__pycache__"}):
        if plugin_id(top).startswith(copy.name):
            continue
        yield "warning", "files", f"has also {top}, outside its package"


def _far(place: str) -> tuple[Severity, Subject, str]:
    inside = Path(place).is_relative_to(sys.prefix)
    return "info" if inside else "warning", "files", f"installs {place}"


def _script_folders(root: Path) -> Iterator[Path]:
    import sysconfig

    yield Path(sysconfig.get_path("scripts"))
    yield root / "bin"  # where pip puts them that was given a folder


def _top(file: ListedFile) -> str:
    name, inside, _ = file.path.partition("/")
    return name if inside else name.partition(".")[0]


def _at_start(copy: Copy, name: str, place: str) -> _Found:
    """Find what Python itself runs whenever it starts.

    Source: https://docs.python.org/3/library/site.html
    """
    lines: list[str] = []
    with contain():
        lines = Path(place).read_text(encoding="utf-8", errors="replace").splitlines()
    code = [line for line in lines if line.startswith(("import ", "import\t"))]
    if copy.editable:
        code = [line for line in code if not _EDITABLE.fullmatch(line.strip())]
    for line in code:
        yield "warning", "start", f"{name} runs whenever Python starts: {line[:60]!r}"
    if not code and not copy.editable:
        yield "info", "start", f"{name} adds folders to sys.path"


def _modules(listed: FileList) -> dict[str, str]:
    """Return the source of its modules by their names."""
    found: dict[str, str] = {}
    for file in listed.files:
        if file.path.endswith(".py"):
            with contain():
                text = Path(listed.place(file)).read_text(encoding="utf-8")
                found[_module(file.path)] = text
    return found


def _module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
