"""Make the list of installed plugins, each with an id of its own.

An id comes from the distribution, whose name an index keeps unique; names of
entry points are anybody's. The list is sorted, since the order of a scan is that
of directories on a disk, and another one on the next machine.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from ..._isolation import contain
from ..diagnose import Diagnostic, Findings
from .choose import named
from .scan import Copy, scan
from .sources import BUILTIN, BUILTIN_MODULE, DISTRIBUTION, Source

__all__ = ["BUILTIN_ALONE", "Discovery", "installed", "sources_of"]


@dataclass(frozen=True, slots=True)
class Discovery:
    """What is installed.

    Attributes:
        sources: The plugins: the built-in one, then the others by id.
        diagnostics: What is not right with them, or with other distributions.
    """

    sources: tuple[Source, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()


BUILTIN_ALONE = Discovery((Source(id=BUILTIN, reference=BUILTIN_MODULE, builtin=True),))
"""The built-in plugin as it is found without looking at what is installed."""


def installed(only: Collection[str] | None = None) -> Discovery:
    """Find the installed plugins, without running any of their code.

    Args:
        only: What those are called, beside the built-in one, that alone count.

    Raises:
        UnknownNameError: If one of these is not there.
    """
    findings = Findings()
    found = sources_of(scan(findings))
    if only is None:
        return Discovery(found.sources, (*findings.diagnostics, *found.diagnostics))
    ids = {s.id for name in (BUILTIN, *only) for s in named(name, found.sources)}
    return Discovery(
        tuple(source for source in found.sources if source.id in ids),
        tuple(one for one in found.diagnostics if one.plugin in ids),
    )


def sources_of(copies: Sequence[Copy]) -> Discovery:
    """Return the plugins of installed distributions.

    Args:
        copies: The distributions; their folders in the order of `sys.path`.
    """
    by_name: dict[str, list[Copy]] = {}
    impostors: list[Copy] = []
    for copy in copies:
        if copy.name == DISTRIBUTION and not copy.owns_core:
            impostors.append(copy)
        else:
            by_name.setdefault(copy.name, []).append(copy)
    found = [_of_distribution(same) for same in by_name.values()]
    if impostors:
        found.append(_impostor(impostors))
    if not any(s.id == BUILTIN for each in found for s in each.sources):
        found.append(_without_metadata())
    sources = [source for each in found for source in each.sources]
    sources.sort(key=lambda source: (not source.builtin, source.id))
    diagnostics = [one for each in found for one in each.diagnostics]
    diagnostics.sort(key=lambda one: (one.plugin, one.code, one.message))
    return Discovery(tuple(sources), tuple(diagnostics))


def _of_distribution(copies: list[Copy]) -> Discovery:
    copy, others = _chosen(copies)
    offers: dict[str, tuple[str, str]] = {}
    twice: list[str] = []
    for name, reference in copy.offers:
        slug = _slug(name)
        if slug in offers:
            twice.append(name)
        offers.setdefault(slug, (name, reference))
    sources = tuple(_named(copy, offers))
    findings = sources[0].findings()
    if others:
        places = [f"{other.version} in {other.folder}" for other in (copy, *others)]
        findings.add(
            "ZG104",
            f"is installed more than once, and {copy.version} counts: "
            + ", ".join(places),
            f"pip install --force-reinstall {copy.name}",
        )
    for name in twice:
        findings.add("ZG103", f"has two entry points named {name!r}; the first counts")
    return Discovery(sources, tuple(findings.diagnostics))


def _chosen(copies: list[Copy]) -> tuple[Copy, list[Copy]]:
    """Return the copy that counts, and the others, which should not be there.

    Python imports from the first folder of `sys.path` that has one. A folder with
    two has the code of one of them, likely the newer's.
    """
    # A build leaves an egg-info in the working copy; that is nothing to report.
    proper = [c for c in copies if not c.folder.endswith(".egg-info")] or copies[:1]
    if len(proper) == 1:
        return proper[0], []
    beside = [copy for copy in proper if copy.root == proper[0].root]
    best = max(beside, key=lambda copy: (_age(copy.version), copy.folder))
    others = [copy for copy in proper if copy is not best]
    return best, sorted(others, key=lambda copy: copy.folder)


def _age(version: str) -> tuple[bool, object]:
    from packaging.version import Version

    with contain():
        return True, Version(version)
    return False, version


def _named(copy: Copy, offers: dict[str, tuple[str, str]]) -> Iterator[Source]:
    taken = {BUILTIN} if copy.name != DISTRIBUTION else set()
    manifests = {_slug(name): value for name, value in reversed(copy.manifests)}
    for slug, (name, reference) in sorted(offers.items()):
        builtin = copy.name == DISTRIBUTION and reference.startswith(
            BUILTIN_MODULE.rpartition(".")[0] + "."
        )
        whole = BUILTIN if builtin else copy.name
        own = f"{whole}.{slug}" if whole in taken else whole
        taken.add(own)
        yield Source(
            id=own,
            reference=reference,
            entry_point=name,
            copy=copy,
            manifest="" if builtin else manifests.get(slug, ""),
            builtin=builtin,
        )


def _slug(entry_point: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", entry_point.lower())


def _impostor(copies: list[Copy]) -> Discovery:
    """Return the row of a distribution that would pass for ZeroGravity."""
    folders = ", ".join(sorted(copy.folder for copy in copies))
    name, reference = copies[0].offers[0]
    source = Source(
        id=DISTRIBUTION,
        reference=reference,
        entry_point=name,
        copy=copies[0],
        impostor=True,
    )
    findings = source.findings()
    findings.add(
        "ZG104",
        f"has ZeroGravity's name, and is not the one that is running: {folders}",
        f"remove {folders}, or take it off `sys.path`",
    )
    return Discovery((source,), tuple(findings.diagnostics))


def _without_metadata() -> Discovery:
    """Return the built-in plugin by its module: in a source tree, in a frozen app."""
    [source] = BUILTIN_ALONE.sources
    findings = source.findings()
    findings.add("ZG105", "was found without the metadata of its distribution")
    return Discovery((source,), tuple(findings.diagnostics))
