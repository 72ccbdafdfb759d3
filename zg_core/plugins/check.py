"""Say what is wrong with a spec that a plugin returned.

Its type cannot be trusted to have checked anything: it may be a subclass that
checks nothing, and Python checks no annotation.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from types import MappingProxyType
from typing import get_args

from .._names import clean_description, is_name
from ..exporters import Signal
from ..guardrails import Stage, Subject, subjects_at
from ..specs import (
    Detect,
    Effect,
    GuardrailSpec,
    ProviderSpec,
    Risk,
    Spec,
    ToolSpec,
    WorkflowSpec,
)
from ..workflows import Workflow
from .references import is_reference, is_resource

__all__ = ["cleaned", "flaw"]

_WORDS = MappingProxyType(
    {
        "stages": get_args(Stage),
        "subjects": get_args(Subject),
        "signals": get_args(Signal),
    }
)
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
    examples: object = getattr(item, "examples", None)
    if examples is not None and not is_resource(examples):
        return f"has the examples {examples!r:.60}, which are not 'package:file'"
    for field in _TEXTS:
        if not _texts(getattr(item, field, ())):
            return f"has {field} that are not a tuple or set of texts"
    if not _finite(getattr(item, "complexity_threshold", 0)):
        return "has a complexity_threshold that is no finite number"
    if not _limit(getattr(item, "timeout_seconds", None)):
        return "has timeout_seconds that are no finite number"
    for field in ("requires_approval", "free", "needs_model"):
        if not isinstance(getattr(item, field, False), bool):
            return f"has {field} that is neither True nor False"
    if isinstance(item, ProviderSpec) and not _detects(item.detect):
        return "has a detect that is no Detect of texts"
    for field, words in _WORDS.items():
        if unknown := sorted(set(getattr(item, field, ())) - set(words)):
            return f"has {field} {unknown[0]!r:.40}; there are {', '.join(words)}"
    if isinstance(item, GuardrailSpec) and not subjects_at(item.stages, item.subjects):
        return "checks nothing: none of its subjects is at its stages"
    if isinstance(item, WorkflowSpec):
        workflow: object = item.workflow
        if not isinstance(workflow, Workflow):
            return "has a workflow that is no Workflow"
        if not all(_limit(step.timeout_seconds) for step in workflow.steps):
            return "has a step with timeout_seconds that are no finite number"
        return None
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


def _finite(value: object) -> bool:
    largest = sys.float_info.max
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return -largest <= value <= largest


def _limit(value: object) -> bool:
    return value is None or _finite(value)


def _detects(value: object) -> bool:
    if not isinstance(value, Detect):
        return value is None
    one = (text for text in (value.module, value.url) if text is not None)
    return _texts(value.env) and _texts(tuple(one))
