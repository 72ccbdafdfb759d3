"""Decide which plugins the user wants, before any of their code runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..._names import nearest, plugin_id, plugin_key, split_qualified
from ...config import Config
from ...errors import AmbiguousNameError, UnknownNameError
from ..diagnose import Diagnostic, Findings
from .sources import Source

__all__ = ["Choice", "choose", "named"]


@dataclass(frozen=True, slots=True)
class Choice:
    """What the user wants.

    Attributes:
        disabled: Ids of the plugins that are not to be loaded.
        diagnostics: What the configuration says of plugins that are not there.
    """

    disabled: frozenset[str]
    diagnostics: tuple[Diagnostic, ...]


def choose(config: Config, sources: Sequence[Source]) -> Choice:
    """Decide which plugins are not to be loaded.

    Raises:
        UnknownNameError: If a plugin is not there that the command itself names. One
            that files or the environment name may be installed elsewhere.
    """
    findings = Findings()
    off = {s.id for s in sources if config.plugins_off and not s.builtin}
    anyone = config.origin("plugins.disable")
    for name in config.plugins_disable:
        origin = config.origins.get(f"plugins.disable.{name}", anyone)
        try:
            off |= _ids(_any_named(name, sources))
        except UnknownNameError as error:
            if origin == "argument":
                raise
            findings.add(
                "ZG131",
                f"plugins.disable ({origin}): {error.cause}",
                f"correct plugins.disable; {error.remedy}",
            )
    for name in config.plugins_enable:
        off -= _ids(named(name, sources))
    ids = _ids(sources)
    for key, name in _also_named(config):
        if plugin_key(name) not in ids:
            close = nearest(name, ids)
            findings.add(
                "ZG131",
                f"{key} ({config.origin(key)}): there is no plugin {name!r}",
                f"did you mean {close!r}?" if close else f"correct {key}, or remove it",
            )
    return Choice(frozenset(off), tuple(findings.diagnostics))


def _also_named(config: Config) -> Iterator[tuple[str, str]]:
    """Yield where the configuration names a plugin otherwise, and which."""
    yield from ((f"plugins.config.{name}", name) for name in config.plugins_config)
    yield from (("plugins.allow", name) for name in config.plugins_allow)
    for key, things in (
        ("guardrails.enabled", config.guardrails_enabled),
        ("exporters.enabled", config.exporters_enabled),
    ):
        plugins = (split_qualified(name)[0] for name in things)
        yield from ((key, plugin) for plugin in plugins if plugin)
    for key, target in config.overrides.items():
        kind, name = split_qualified(key)
        yield f"overrides.{kind}s.{name}", split_qualified(target)[0]


def named(name: str, sources: Iterable[Source]) -> tuple[Source, ...]:
    """Return the plugins that the user means by *name*.

    That is a plugin's id, with or without ``zg-`` at its start, or the name of its
    entry point; case and ``-_.`` do not matter. The name of a distribution means
    all plugins it has.

    Raises:
        UnknownNameError: If there is none.
        AmbiguousNameError: If plugins of several distributions have that name.
    """
    sources = tuple(sources)
    for found in _meant(name, sources):
        if len({source.distribution for source in found}) > 1:
            raise AmbiguousNameError(
                f"{name!r} is the name of an entry point in several plugins: "
                + ", ".join(source.id for source in found),
                "write the id of the one you mean",
                name=name,
            )
        if found:
            return found
    raise _unknown(name, sources)


def _any_named(name: str, sources: Sequence[Source]) -> tuple[Source, ...]:
    """Return all plugins that *name* may mean.

    So a name keeps disabling what it disabled, whoever else takes it.

    Raises:
        UnknownNameError: If there is none.
    """
    found = [source for meant in _meant(name, sources) for source in meant]
    if not found:
        raise _unknown(name, sources)
    return tuple(found)


def _meant(name: str, sources: Sequence[Source]) -> Iterator[tuple[Source, ...]]:
    """Yield the plugins that *name* means in each way that it may be meant."""
    wanted = plugin_id(name)
    meanings: tuple[Callable[[Source], bool], ...] = (
        lambda s: plugin_key(name) == s.id or wanted == s.id.partition(".")[0],
        lambda s: f"zg-{wanted}" == s.id.partition(".")[0],
        lambda s: plugin_id(s.entry_point) == wanted,
    )
    for means in meanings:
        yield tuple(source for source in sources if means(source))


def _unknown(name: str, sources: Sequence[Source]) -> UnknownNameError:
    close = nearest(plugin_id(name), (source.id for source in sources))
    return UnknownNameError(
        f"there is no plugin named {name!r}",
        f"did you mean {close!r}?" if close else "`zg plugins` lists them",
        name=name,
        did_you_mean=close,
    )


def _ids(sources: Iterable[Source]) -> set[str]:
    return {source.id for source in sources}
