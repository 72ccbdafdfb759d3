"""Say of what plugins offer what lists show, in texts that are safe to print."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from types import MappingProxyType
from typing import Any

from ..._json import Json, JsonObject
from ..._names import clean_description
from ...registry import Contribution, Kind
from ...specs import ProviderSpec, Spec, ToolSpec, WorkflowSpec
from ..hooks import HOOKS

__all__ = ["SPECS", "USUAL", "Indexed", "capabilities_of", "shown"]

SPECS: Mapping[Kind, type[Spec]] = MappingProxyType(dict(HOOKS.values()))
"""The specs of each kind."""

_NOT_SHOWN = {
    *("name", "description", "factory", "function", "parameters", "workflow"),
    "examples",
}


@dataclass(frozen=True, kw_only=True)
class Indexed(Spec):
    """What a manifest says of a thing: enough to list it, not to make it.

    Attributes:
        details: What `shown` would return of the real spec.
    """

    details: Mapping[str, Json]


def shown(spec: Spec) -> JsonObject:
    """Return what lists say of a thing besides its name and description, as JSON."""
    if isinstance(spec, Indexed):
        return {name: _plain(value) for name, value in spec.details.items()}
    # What a subclass adds is the plugin's own, and need not be JSON.
    kind = next(kind for kind, known in SPECS.items() if isinstance(spec, known))
    details = {name: _plain(getattr(spec, name)) for name in USUAL[kind]}
    if isinstance(spec, WorkflowSpec):
        details["steps"] = [step.name for step in spec.workflow.steps]
    return details


def capabilities_of(contributions: Iterable[Contribution]) -> tuple[str, ...]:
    """Return what things reach: their tools' capabilities, their providers' keys."""
    found: set[str] = set()
    for spec in (contribution.spec for contribution in contributions):
        if isinstance(spec, ToolSpec):
            found.update(spec.capabilities)
        elif isinstance(spec, ProviderSpec):
            found |= {f"env:{variable}" for variable in spec.env}
    return tuple(sorted(map(clean_description, found)))


def _plain(value: Any) -> Json:
    if isinstance(value, str):
        return clean_description(value)
    if isinstance(value, set | frozenset):
        value = sorted(value)
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, dict):
        return {clean_description(name): _plain(v) for name, v in value.items()}
    return value


USUAL: Mapping[Kind, Mapping[str, Json]] = MappingProxyType(
    {
        kind: MappingProxyType(
            {
                field.name: _plain(field.default)
                for field in fields(spec)
                if field.name not in _NOT_SHOWN
            }
        )
        for kind, spec in SPECS.items()
    }
)
"""The fields of each kind's specs that are shown, each with its default."""
