"""Make the object that a spec describes, from its factory."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Mapping
from types import MappingProxyType
from typing import Any

from .._isolation import contain, describe
from ..agents import Agent
from ..classifiers import Classifier, ContextClassifier
from ..errors import PluginError, ZeroGravityError
from ..exporters import Exporter
from ..guardrails import Guardrail
from ..journals import Journal
from ..providers import Provider
from ..registry import Contribution, Kind
from ..runtimes import Runtime
from ..settings import Settings
from ..specs import ToolSpec, WorkflowSpec
from ..tools import Tool
from .finding.sources import Source
from .references import resolve
from .stdout import stdout_to_stderr

__all__ = ["make"]

_SHAPES: Mapping[Kind, tuple[type, str, int]] = MappingProxyType(
    {
        "agent": (Agent, "run", 1),
        "tool": (Tool, "call", 2),
        "provider": (Provider, "complete", 1),
        "classifier": (Classifier, "classify", 1),
        "exporter": (Exporter, "export", 1),
        "guardrail": (Guardrail, "check", 2),
        "journal": (Journal, "claim", 1),
        "runtime": (Runtime, "submit", 2),
    }
)
"""What an object of each kind must be, and how many arguments its method gets."""


def make(
    offer: Contribution, source: Source, settings: Settings, *args: object
) -> object:
    """Make the object of a contribution.

    A workflow and a tool that is a function need no making. A command is what the
    reference names; everything else is what that returns when it is called.

    Args:
        offer: What to make.
        source: Where its plugin comes from.
        settings: What a factory gets that asks for ``settings``.
        *args: What its kind's factories get besides: a journal's its address.

    Raises:
        PluginError: If the factory fails, or makes something else.
        ZeroGravityError: If that is what the factory raises: a key is missing, say.
    """
    spec = offer.spec
    if isinstance(spec, WorkflowSpec):
        return spec.workflow
    if isinstance(spec, ToolSpec) and spec.function is not None:
        return spec
    made: object = None
    problem: str | None = None
    with stdout_to_stderr(), contain() as caught:
        factory = vars(spec)["factory"]
        if isinstance(factory, str):
            factory = resolve(factory)
        if offer.kind == "command":
            return factory
        made = _call(factory, settings, args)
        problem = _problem(offer.kind, made)
    if isinstance(caught.error, ZeroGravityError):
        raise caught.error
    if caught.error:
        problem = describe(caught.error)
    if problem:
        raise PluginError(
            f"{offer.kind} {offer.name!r} from {source.id} {source.version} "
            f"could not be created: {problem}",
            source.findings().hint,
            plugin=source.id,
            version=source.version,
            name=offer.qualified,
        ) from caught.error
    return made


def _call(factory: Any, settings: Settings, args: tuple[object, ...]) -> object:
    wanted: Mapping[str, Any] = {}
    with contain():  # some callables of C have no signature
        wanted = inspect.signature(factory).parameters
    return factory(*args, **{"settings": settings} if "settings" in wanted else {})


def _problem(kind: Kind, made: object) -> str | None:
    """Return why an object is not what it should be, if it is not."""
    if isinstance(made, Awaitable):
        if inspect.iscoroutine(made):
            made.close()
        return "its factory is `async def`, and must be plain"
    shape, method, count = _SHAPES[kind]
    if kind == "classifier" and isinstance(made, ContextClassifier):
        shape, method, count = ContextClassifier, "classify_in", 2
    if isinstance(made, type) or not isinstance(made, shape):
        wanted = [name for name in vars(shape) if not name.startswith("_")]
        lacks = [name for name in wanted if not hasattr(made, name)]
        why = f": it has no `{lacks[0]}`" if lacks else ""
        return f"its factory made {made!r:.60}, which is no {shape.__name__}{why}"
    try:
        inspect.signature(getattr(made, method)).bind(*range(count))
    except ValueError:
        return None  # some callables of C have no signature
    except TypeError:
        return f"its `{method}` does not take the {count} argument(s) it gets"
    return None
