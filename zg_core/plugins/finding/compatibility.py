"""Judge whether a plugin and this ZeroGravity fit, by what the plugin declares."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import importlib_metadata

from ..._isolation import contain
from ..._names import plugin_id
from ...hookspecs import API
from ..diagnose import Findings
from .sources import DISTRIBUTION, Source

if TYPE_CHECKING:
    from packaging.requirements import Requirement

__all__ = ["check_api", "check_requirements", "extra_with", "missing_requirements"]

SUPPORTED_APIS = frozenset({API})
"""When the next version comes this one stays, beside it."""

_UPGRADE = f"pip install -U {DISTRIBUTION}"
_PROJECT = re.compile(r"[\w.-]+")
_RELEASE = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})*", re.ASCII)
_EXTRA = re.compile(r"\bextra\s*==\s*[\"']([\w.-]+)[\"']")
_LOWER_BOUND = re.compile(rf"[\w.-]+\s*(?:>=\s*({_RELEASE.pattern}))?\s*", re.ASCII)


def check_requirements(source: Source, core: str, findings: Findings) -> bool:
    """Tell whether the plugin's distribution allows this ZeroGravity; note if not.

    Args:
        source: The plugin.
        core: ZeroGravity's version.
        findings: Where to note it.
    """
    if source.copy and all(_is_met(text, core) for text in source.copy.requires):
        return True
    for required in _requirements(source, DISTRIBUTION):
        with contain():
            if required.specifier.contains(core, prereleases=True):
                continue
            findings.add(
                "ZG121",
                f"needs {DISTRIBUTION}{required.specifier}; this is {core}",
                _UPGRADE if _wants_newer(str(required.specifier), core) else "",
            )
            return False
    return True


def _is_met(text: str, core: str) -> bool:
    """Tell of the usual requirement, ``zerogravity>=1.0``, that it is met.

    Whatever else there may be is for `packaging`, which is slow to import.
    """
    name = _PROJECT.match(text)
    if name and plugin_id(name[0]) != DISTRIBUTION:
        return True
    bound = _LOWER_BOUND.fullmatch(text)
    if bound is None or not _RELEASE.fullmatch(core):
        return False
    return not bound[1] or _release(bound[1]) <= _release(core)


def _release(version: str) -> list[int]:
    parts = [int(part) for part in version.split(".")]
    while parts and not parts[-1]:
        parts.pop()  # 1.0 is 1
    return parts


def _wants_newer(specifier: str, core: str) -> bool:
    from packaging.version import Version

    wanted = re.findall(r"(?:>=|>|~=|==)\s*([^\s,*]+?)(?:\.\*)?(?=,|$)", specifier)
    return any(Version(version) > Version(core) for version in wanted)


def check_api(api: object, core: str, findings: Findings) -> bool:
    """Tell whether the plugin was written for this plugin API; note it if not."""
    if isinstance(api, int) and api in SUPPORTED_APIS:
        return True
    newer = isinstance(api, int) and api > API
    findings.add(
        "ZG121",
        f"needs plugin API {api!r:.40}; {DISTRIBUTION} {core} has API {API}",
        _UPGRADE if newer else "",
    )
    return False


def missing_requirements(source: Source) -> list[str]:
    """Return the distributions the plugin requires that are not installed."""
    missing: list[str] = []
    for required in _requirements(source):
        with contain():  # whatever finders of packages are installed may fail
            if not list(importlib_metadata.distributions(name=required.name)):
                missing.append(required.name)
    return missing


def extra_with(source: Source, module: str) -> str:
    """Return the extra of a plugin's distribution that would bring a module.

    That is one that requires a distribution called like the module, which nothing
    brought yet; of several the one that requires least.

    Args:
        source: The plugin.
        module: The module that is not there.

    Returns:
        The extra's name; empty if there is none, and the module should be there.
    """
    name = plugin_id(module.partition(".")[0])
    if any(plugin_id(required.name) == name for required in _requirements(source)):
        return ""
    with contain():
        if any(importlib_metadata.distributions(name=name)):
            return ""  # it was brought, and is not whole
    texts = source.copy.requires if source.copy else ()
    extras = dict.fromkeys(found for text in texts for found in _EXTRA.findall(text))
    brought = {extra: _requirements(source, extra=extra) for extra in extras}
    fitting = [
        extra
        for extra, requirements in brought.items()
        if any(plugin_id(required.name) == name for required in requirements)
    ]
    return min(fitting, key=lambda extra: len(brought[extra]), default="")


def _requirements(
    source: Source, distribution: str = "", *, extra: str = ""
) -> list[Requirement]:
    """Return what the plugin requires here; what cannot be parsed is satisfied."""
    found: list[Requirement] = []
    for text in source.copy.requires if source.copy else ():
        name = _PROJECT.match(text)
        if name is None or distribution not in ("", plugin_id(name[0])):
            continue
        with contain():
            from packaging.requirements import Requirement

            requirement = Requirement(text)
            marker = requirement.marker
            if marker is None or marker.evaluate({"extra": extra}):
                found.append(requirement)
    return found
