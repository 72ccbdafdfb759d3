"""Say what is wrong with a spec that a plugin returned.

Its type cannot be trusted to have checked anything: it may be a subclass that
checks nothing, and Python checks no annotation.
"""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

from .._names import clean_description, is_name
from ..guardrails import subjects_at
from ..specs import Effect, GuardrailSpec, Risk, Spec, ToolSpec, WorkflowSpec
from ..workflows import Workflow
from .references import is_reference

__all__ = ["cleaned", "flaw"]

_RESERVED = frozenset({"all", "builtin", "none"})
_TEXTS = (
    "task_types",
    "tools",
    "capabilities",
    "labels",
    "env",
    "stages",
    "subjects",
    "signals",
)


def flaw(item: object, expected: type[Spec]) -> str | None:
    """Return what is wrong with an item that a hook returned, if anything is."""
    if not isinstance(item, expected):
        return f"is {item!r:.60}, not an {expected.__name__}"
    if not is_name(item.name):
        return f"has the name {item.name!r:.60}, which is none"
    if item.name in _RESERVED:
        return f"has the name {item.name!r}, which is reserved"
    description: object = item.description
    if not isinstance(description, str):
        return "has a description that is no text"
    for field in ("deprecated", "overrides", "default_model"):
        text: object = getattr(item, field, None)
        if text is not None and not isinstance(text, str):
            return f"has {field} that is no text"
    for field in _TEXTS:
        if not _texts(getattr(item, field, ())):
            return f"has {field} that are not a tuple of texts"
    if isinstance(item, GuardrailSpec) and not subjects_at(item.stages, item.subjects):
        return "checks nothing: there is no such stage, or no such subject at it"
    if isinstance(item, WorkflowSpec):
        well_formed = isinstance(item.workflow, Workflow)
        return None if well_formed else "has a workflow that is no Workflow"
    if isinstance(item, ToolSpec):
        if item.effect not in get_args(Effect) or item.risk not in get_args(Risk):
            return f"has the effect {item.effect!r:.30} and risk {item.risk!r:.30}"
        if item.function is not None:
            return None if callable(item.function) else "has a function that is none"
    factory = getattr(item, "factory", None)
    if callable(factory) or (isinstance(factory, str) and is_reference(factory)):
        return None
    return f"has the factory {factory!r:.60}, which is not 'module:attribute'"


def cleaned(spec: Spec) -> tuple[Spec, bool]:
    """Return a spec whose description is safe to show, and whether that changed it.

    Descriptions go to terminals and to models.
    """
    description = clean_description(spec.description)
    if description == spec.description:
        return spec, False
    changed = description.split() != spec.description.split()
    return replace(spec, description=description), changed


def _texts(value: object) -> bool:
    return isinstance(value, tuple | list | set | frozenset) and all(
        isinstance(text, str) for text in value
    )
