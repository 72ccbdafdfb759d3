"""Load one plugin: import it, connect its hooks, ask what it offers.

Whatever goes wrong is noted with the plugin's id, and is the plugin's affair: the
one after it is loaded as if nothing had happened.
"""

from __future__ import annotations

import inspect
import sys
import time
from collections.abc import (
    AsyncIterable,
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
)
from dataclasses import dataclass, replace
from itertools import islice
from types import MappingProxyType
from typing import Any

import pluggy

from .._isolation import contain
from ..hookspecs import API
from ..registry import Contribution, Kind
from ..specs import AgentSpec, HostInfo, Spec
from .check import cleaned, flaw
from .diagnose import Diagnostic, Findings
from .finding.compatibility import check_api, missing_requirements
from .finding.sources import BUILTIN, Source
from .hooks import HOOKS, HookManager
from .references import module_of
from .stdout import stdout_to_stderr

__all__ = ["Loaded", "load"]

_MOST = 1000
"""Items a hook may return; a generator that never ends must not be waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What came of loading a plugin.

    Attributes:
        imported: Whether its code could be imported.
        hooks: Its hooks: the name of each, and what implements it.
        contributions: What it offers.
        diagnostics: What is not right with it.
        seconds: How long it took.
        traceback: Where the last error came from.
    """

    imported: bool
    hooks: tuple[tuple[str, pluggy.HookImpl], ...]
    contributions: tuple[Contribution, ...]
    diagnostics: tuple[Diagnostic, ...]
    seconds: float
    traceback: str


def load(
    source: Source,
    fetch: Callable[[], object],
    manager: HookManager,
    info: HostInfo,
    builtin_tools: Collection[str] = (),
    section: Mapping[str, Any] = MappingProxyType({}),
) -> Loaded:
    """Load a plugin.

    Args:
        source: Where it comes from.
        fetch: Imports it.
        manager: Where its hooks are connected.
        info: What it is told.
        builtin_tools: Short names of the built-in tools.
        section: Its own section of the configuration.
    """
    findings = source.findings()
    began = time.perf_counter()
    hooks: list[tuple[str, pluggy.HookImpl]] = []
    specs: dict[tuple[Kind, str], Spec] = {}
    with stdout_to_stderr():
        with contain() as caught:
            plugin = fetch()
        if caught.error:
            _note_import(source, caught.error, findings)
        elif _is_plugin(source, plugin, info, findings):
            hooks = manager.connect(plugin, findings)
        for hook, implementation in hooks:
            if hook in HOOKS:
                answer = _answer(hook, implementation, info, findings)
                _collect(hook, answer, specs, findings)
        contributions = tuple(_contributions(source, specs, builtin_tools, findings))
        for hook, implementation in hooks:
            if hook == "zg_configure":
                _configure(implementation, section, findings)
    return Loaded(
        imported=caught.error is None,
        hooks=tuple(hooks),
        contributions=contributions,
        diagnostics=tuple(findings.diagnostics),
        seconds=time.perf_counter() - began,
        traceback=findings.traceback,
    )


def _note_import(source: Source, error: BaseException, findings: Findings) -> None:
    hint = ""
    message = f"import of {source.reference!r} failed"
    if isinstance(error, ImportError) and (missing := missing_requirements(source)):
        names = " ".join(missing)
        message = (
            f"{source.distribution} requires {', '.join(map(repr, missing))}, which "
            f"is not installed; {message}"
        )
        hint = f"pip install {names}, or: zg -p no:{source.id} …"
    findings.add("ZG201", message, hint, error=error)


def _is_plugin(
    source: Source, plugin: object, info: HostInfo, findings: Findings
) -> bool:
    """Tell whether it may be one, and was written for this plugin API."""
    api: object = API
    with contain() as caught:
        if plugin is None or isinstance(plugin, type):
            what = "is None" if plugin is None else "is a class; was '()' forgotten?"
            findings.add("ZG206", f"{source.reference!r} {what}")
            return False
        module = sys.modules.get(module_of(source.reference))
        api = getattr(plugin, "ZG_PLUGIN_API", getattr(module, "ZG_PLUGIN_API", API))
    if caught.error:
        findings.add("ZG202", "it cannot be looked at", error=caught.error)
        return False
    return check_api(api, info.core_version, findings)


class _Refused(Exception):  # noqa: N818 - no error, but a verdict
    """What a hook returned cannot be used."""


def _answer(
    hook: str, implementation: pluggy.HookImpl, info: HostInfo, findings: Findings
) -> list[object]:
    """Return what a hook offers; nothing, if anything is wrong with the whole."""
    with contain() as caught:
        told = {"host": info}
        answer = implementation.function(
            *(told[name] for name in implementation.argnames)
        )
        return _items(answer, HOOKS[hook][1])
    if isinstance(caught.error, _Refused):
        findings.add("ZG211", f"{hook} {caught.error}")
    else:
        findings.add("ZG211", f"{hook} failed", error=caught.error)
    return []


def _items(answer: object, expected: type[Spec]) -> list[object]:
    if answer is None:
        return []
    if isinstance(answer, Awaitable | AsyncIterable):
        if inspect.iscoroutine(answer):
            answer.close()  # or Python warns that nobody awaited it
        raise _Refused("must be a plain `def`, not `async def`")
    one = isinstance(answer, str | bytes | Mapping | Spec)
    if one or not isinstance(answer, Iterable):
        raise _Refused(
            f"must return an iterable of {expected.__name__}, "
            f"got {type(answer).__name__}"
        )
    items = list(islice(answer, _MOST + 1))
    if len(items) > _MOST:
        raise _Refused(f"returned more than {_MOST:,} items")
    return items


def _collect(
    hook: str,
    items: list[object],
    specs: dict[tuple[Kind, str], Spec],
    findings: Findings,
) -> None:
    """Put the items that are right among the plugin's specs."""
    kind, expected = HOOKS[hook]
    for number, item in enumerate(items, start=1):
        with contain() as caught:
            if problem := flaw(item, expected):
                findings.add("ZG212", f"item {number} of {hook} {problem}")
                continue
            assert isinstance(item, Spec)
            if (kind, item.name) in specs:
                findings.add("ZG213", f"offers the {kind} {item.name!r} twice")
                continue
            specs[kind, item.name], changed = cleaned(item)
            if changed:
                findings.add(
                    "ZG215",
                    f"the description of the {kind} {item.name!r} was cleaned: it was "
                    "too long, or had characters that cannot be seen",
                )
        if caught.error:
            findings.add("ZG212", f"item {number} of {hook} failed", error=caught.error)


def _contributions(
    source: Source,
    specs: Mapping[tuple[Kind, str], Spec],
    builtin_tools: Collection[str],
    findings: Findings,
) -> Iterator[Contribution]:
    """Yield what the plugin offers, with the tools of its agents pinned down.

    A short name means the plugin's own tool, then the built-in one. It is written
    out here, so that no package that is installed later can take its place.
    """

    def qualified(tool: str) -> str:
        if ("tool", tool) in specs:
            return f"{source.id}:{tool}"
        return f"{BUILTIN}:{tool}" if tool in builtin_tools else tool

    for (kind, name), spec in specs.items():
        with contain() as caught:
            if isinstance(spec, AgentSpec):
                spec = replace(spec, tools=tuple(map(qualified, spec.tools)))
        if caught.error:
            findings.add("ZG212", f"the {kind} {name!r} failed", error=caught.error)
        else:
            yield Contribution(kind, spec, source.id, source.builtin)


def _configure(
    implementation: pluggy.HookImpl, section: Mapping[str, Any], findings: Findings
) -> None:
    told = {"config": _copied(section)}
    with contain() as caught:
        answer = implementation.function(
            *(told[name] for name in implementation.argnames)
        )
        if isinstance(answer, Awaitable | AsyncIterable):
            if inspect.iscoroutine(answer):
                answer.close()  # or Python warns that nobody awaited it
            raise _Refused("must be a plain `def`, not `async def`")
    if isinstance(caught.error, _Refused):
        findings.add("ZG211", f"zg_configure {caught.error}")
    elif caught.error:
        findings.add("ZG211", "zg_configure failed", error=caught.error)


def _copied(value: Any) -> Any:
    """Return plain tables and lists, which the plugin may change as it likes."""
    if isinstance(value, Mapping):
        return {key: _copied(each) for key, each in value.items()}
    return list(map(_copied, value)) if isinstance(value, list | tuple) else value
