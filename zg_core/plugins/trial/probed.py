"""The process that `probe` tries a plugin in."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from itertools import islice
from json import dumps  # now, before a plugin replaces it
from json import load as read_json
from typing import Any

from ... import plugin_api as plugin_api  # what a plugin imports is not its cost
from ..._isolation import contain, traceback_of
from ..._json import JsonObject
from ..._version import core_version
from ...hookspecs import API
from ...specs import HostInfo
from ..finding.local import import_file
from ..finding.scan import Copy
from ..finding.sources import Source
from ..hooks import HookManager
from ..load import Loaded, load
from ..references import resolve
from .offers import flaw_of_offer
from .outside import Outside
from .watch import Watch

__all__ = ["examine", "source_from"]


def source_from(document: JsonObject) -> Source:
    """Return a source from its fields, as JSON."""
    copy = document.pop("copy")
    if copy is not None:
        copy = Copy(**{name: _tuples(value) for name, value in copy.items()})
    return Source(**document, copy=copy)


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def examine(source: Source, watch: Watch) -> JsonObject:
    """Load a plugin twice, and say what it offers and what it did."""
    info = HostInfo(core_version=core_version(), api=API)
    modules = set(sys.modules)
    before = Outside()

    def fetch() -> object:
        return import_file(source.file) if source.file else resolve(source.reference)

    def loaded() -> Loaded:
        return load(source, fetch, HookManager(), info)

    with watch:
        began = time.process_time()
        with contain():
            fetch()  # by itself: a host keeps standard output away from it
        first = loaded()
        seconds = time.process_time() - began
        unequal = _asked_again(first, info)
        second = loaded()
    if first.contributions != second.contributions:
        unequal = unequal or ["its hooks together"]
    return {
        "seconds_cpu": seconds,
        "modules": sorted(sys.modules.keys() - modules),
        "side_effects": [*before.changes(Outside()), *watch.effects],
        "network": watch.network,
        "unequal": unequal,
        "diagnostics": [asdict(found) for found in first.diagnostics],
        "contributions": [
            {
                "kind": offer.kind,
                "name": offer.name,
                "description": offer.spec.description,
                "factory": _text(getattr(offer.spec, "factory", None)),
                "task_types": list(getattr(offer.spec, "task_types", ())),
                "examples": _text(getattr(offer.spec, "examples", None)),
            }
            for offer in first.contributions
        ],
        # Last, since it imports what hosts import when a thing is used.
        "flaws": [
            asdict(flaw) for o in first.contributions if (flaw := flaw_of_offer(o))
        ],
    }


def _asked_again(loaded: Loaded, info: HostInfo) -> list[str]:
    """Return the hooks that do not give the same twice, asked as plain functions."""
    unequal: list[str] = []
    for hook, implementation in loaded.hooks:
        if not hook.startswith("zg_register_"):
            continue
        arguments = [info] * len(implementation.argnames)
        ask: Callable[..., Any] = implementation.function
        with contain():
            if _offered(ask(*arguments)) != _offered(ask(*arguments)):
                unequal.append(hook)
    return unequal


def _offered(answer: Any) -> list[object]:
    return list(islice(answer or (), 1000))  # some never end


def _text(factory: object) -> str | None:
    return factory if isinstance(factory, str) else None


def _main(told: str) -> None:
    with contain() as caught:
        source = source_from(read_json(sys.stdin))
        found = dumps(examine(source, Watch()))
        with open(told, "w", encoding="utf-8") as file:  # noqa: PTH123
            file.write(found)
        sys.stdout.flush()
    if caught.error:
        sys.stderr.write(traceback_of(caught.error))
    sys.stderr.flush()
    # Threads it started would keep the process, and are in the report already.
    os._exit(1 if caught.error else 0)


if __name__ == "__main__":
    _main(sys.argv[1])
