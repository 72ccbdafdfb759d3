"""Read a plugin's manifest: list what it offers, without importing it.

A manifest is an index: it tells what there is, and who has a name. Nothing is made
of it. What is used is loaded, and then the code counts, whatever the manifest says.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec

from ..._isolation import contain
from ..._json import Json, JsonObject
from ..._names import clean_description
from ...registry import Contribution, Kind
from ..diagnose import Findings
from ..finding.compatibility import SUPPORTED_APIS
from ..finding.sources import Source
from .format import differences, objection
from .shown import SPECS, USUAL, Indexed

__all__ = ["Manifest", "note_drift", "read_manifest"]

_REFERENCE = re.compile(r"(\w+(?:\.\w+)*)\s*:\s*([\w-][\w.-]*)")
_MOST = 1_000_000  # bytes of a file
_USUAL = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a plugin says of itself, without being imported.

    Attributes:
        api: The version of the plugin API it was written for.
        contributions: What it offers; each spec is an `Indexed`.
        capabilities: What it reaches: ``network``, ``env:OPENWEATHER_KEY``.
    """

    api: int
    contributions: tuple[Contribution, ...] = ()
    capabilities: tuple[str, ...] = ()


def read_manifest(source: Source, findings: Findings) -> Manifest | None:
    """Read a plugin's manifest.

    Args:
        source: Where the plugin comes from.
        findings: Where to note a manifest that is missing, or cannot be used.

    Returns:
        The manifest; `None` if there is none, so that the plugin must be imported
        to be known.
    """
    if not source.manifest:
        return None
    document: Json = None
    with contain() as caught:
        text = _text(source)
        document = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    if isinstance(caught.error, FileNotFoundError):
        findings.add("ZG111", f"its manifest {source.manifest!r} is not installed")
        return None
    if caught.error:
        what = f"its manifest {source.manifest!r} cannot be read"
        findings.add("ZG111", what, error=caught.error)
        return None
    problem = objection(document)
    api = document.get("api") if isinstance(document, dict) else None
    if problem and type(api) is int and api not in SUPPORTED_APIS:
        return Manifest(api=api)  # the format may be of another time as well
    if problem:
        findings.add("ZG111", f"its manifest {source.manifest!r} is none: {problem}")
        return None
    return Manifest(
        api=int(document["api"]),
        contributions=tuple(_contributions(document["contributes"], source)),
        capabilities=tuple(map(clean_description, document.get("capabilities", ()))),
    )


def note_drift(
    manifest: Manifest, contributions: Iterable[Contribution], findings: Findings
) -> None:
    """Note in what a manifest and the code that was loaded differ."""
    listed = {(c.kind, c.name) for c in manifest.contributions}
    lacks, has = differences(listed, contributions)
    found = [
        f"{what} {', '.join(f'the {kind} {name!r}' for kind, name in names)}"
        for what, names in (("it lacks", lacks), ("the code does not offer", has))
        if names
    ]
    if found:
        what = f"its manifest is not what its code is: {'; '.join(found)}"
        findings.add("ZG214", what)


def _refuse(constant: str) -> Json:
    raise ValueError(f"{constant} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text:.60} is too large a number")
    return number


def _text(source: Source) -> str:
    """Return the manifest's text.

    Raises:
        FileNotFoundError: If it is nowhere.
        ValueError: If it is too long, no UTF-8, or cannot be looked for.
    """
    match = _REFERENCE.fullmatch(source.manifest)
    if match is None:
        raise ValueError("it is not 'package:file.json'")
    package, file = match.groups()
    for folder in _folders(source, package.split(".")):
        with suppress(FileNotFoundError, NotADirectoryError):
            with open(os.path.join(folder, file), "rb") as opened:  # noqa: PTH118, PTH123 - half the time
                content = opened.read(_USUAL)  # room for more takes longer to make
                if len(content) == _USUAL:
                    content += opened.read(_MOST + 1 - _USUAL)
            if len(content) > _MOST:
                raise ValueError(f"it has more than {_MOST:,} bytes")
            return content.decode()
    raise FileNotFoundError(file)


def _folders(source: Source, package: Sequence[str]) -> Iterator[str]:
    """Yield where a package's files may be.

    An installer puts them beside the metadata. Those of a working copy are where
    Python would look for the package, and it looks without importing anything, but
    for a package inside another: of that, only the outer one is asked for.
    """
    if source.copy:
        yield os.path.join(source.copy.root, *package)  # noqa: PTH118
    found = None
    with contain():
        found = find_spec(package[0])
    for place in (found and found.submodule_search_locations) or ():
        yield os.path.join(place, *package[1:])  # noqa: PTH118


def _contributions(
    contributes: Mapping[str, Sequence[JsonObject]], source: Source
) -> Iterator[Contribution]:
    for kind in SPECS:
        taken: set[str] = set()
        for item in contributes.get(f"{kind}s", ()):
            if item["name"] not in taken:
                taken.add(item["name"])
                yield Contribution(kind, _indexed(kind, item), source.id)


def _indexed(kind: Kind, item: JsonObject) -> Indexed:
    details = {name: item.get(name, usual) for name, usual in USUAL[kind].items()}
    if kind == "workflow":
        details["steps"] = item["steps"]
    return Indexed(
        name=item["name"],
        description=clean_description(item.get("description", "")),
        deprecated=item.get("deprecated"),
        details=details,
    )
