"""Write a plugin's manifest: what it offers, to be known without importing it.

A manifest is a JSON file among the files of the plugin's package. It is generated
from what the plugin's hooks return, and never written by hand.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import TypeAlias

from ..._json import JsonObject
from ..._names import writable
from ...errors import PluginError
from ...registry import Contribution, Kind
from ...specs import Spec
from .json_schema import mismatch
from .shown import SPECS, USUAL, capabilities_of, shown

__all__ = ["Names", "differences", "drift", "manifest_of", "manifest_text", "objection"]

Names: TypeAlias = tuple[tuple[Kind, str], ...]
"""Things by kind and short name."""

_VERSION = 1
_SCHEMA = Path(__file__).parents[2] / "schemas" / f"zg_plugin.v{_VERSION}.json"


def manifest_of(
    contributions: Sequence[Contribution],
    api: int,
    capabilities: Iterable[str] | None = None,
) -> JsonObject:
    """Return the manifest of a plugin that was loaded.

    The same things make the same manifest, in whichever order they were offered.

    Args:
        contributions: What the plugin offers.
        api: The version of the plugin API it was written for.
        capabilities: What it reaches; by default `capabilities_of` its things.

    Raises:
        PluginError: If a spec holds what no manifest can say.
    """
    contributes: dict[str, list[JsonObject]] = {}
    for kind in SPECS:
        specs = [c.spec for c in contributions if c.kind == kind]
        if specs:
            specs.sort(key=lambda spec: spec.name)
            contributes[f"{kind}s"] = [_item(kind, spec) for spec in specs]
    if capabilities is None:
        capabilities = capabilities_of(contributions)
    document: JsonObject = {
        "manifest_version": _VERSION,
        "api": api,
        "contributes": contributes,
        "capabilities": sorted(set(capabilities)),
    }
    if problem := objection(document):
        raise PluginError(
            f"no manifest can be written of this plugin: {problem}",
            "give the fields of its specs the types that `zg_core.specs` says",
        )
    return document


def manifest_text(document: JsonObject) -> str:
    """Return a manifest as its file holds it."""
    return writable(json.dumps(document, indent=2, ensure_ascii=False)) + "\n"


def objection(document: object) -> str:
    """Return what is wrong with a manifest by its schema; empty if nothing is."""
    return mismatch(document, _schema())


def drift(
    document: JsonObject, contributions: Iterable[Contribution]
) -> tuple[Names, Names]:
    """Compare a manifest with what the code offers.

    Returns:
        What the manifest lacks, and what it has that the code does not offer.
    """
    listed = {
        (kind, str(item["name"]))
        for kind in SPECS
        for item in document["contributes"].get(f"{kind}s", ())
    }
    return differences(listed, contributions)


def differences(
    listed: set[tuple[Kind, str]], contributions: Iterable[Contribution]
) -> tuple[Names, Names]:
    """Return which things are not listed, and which are listed and not there."""
    offered = {(c.kind, c.name) for c in contributions}
    return tuple(sorted(offered - listed)), tuple(sorted(listed - offered))


def _item(kind: Kind, spec: Spec) -> JsonObject:
    """Return what a manifest says of a thing: what is not as usual."""
    item: JsonObject = {"name": spec.name}
    if spec.description:
        item["description"] = spec.description
    for name, value in shown(spec).items():
        if name not in USUAL[kind] or value != USUAL[kind][name]:
            item[name] = value
    return item


@cache
def _schema() -> JsonObject:
    schema: JsonObject = json.loads(_SCHEMA.read_text(encoding="utf-8"))
    return schema
