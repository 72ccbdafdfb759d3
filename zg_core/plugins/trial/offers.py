"""Say what is wrong with a thing a plugin offers, which shows only in use."""

from __future__ import annotations

from ..._isolation import contain, describe
from ...errors import PluginError
from ...registry import Contribution
from ...specs import ToolSpec
from ..examples import examples_of
from ..references import resolve

__all__ = ["flaw_of_offer"]


def flaw_of_offer(offer: Contribution) -> str | None:
    """Return what is wrong with it, if anything is; nothing is made of it.

    What its factory names is imported, the schema of a tool's arguments is checked,
    and its examples are read; a host does nothing of that before somebody uses them.
    """
    from ..._schema import parameters_of  # jsonschema, pydantic
    from ..._validation import argument_errors

    spec = offer.spec
    factory = getattr(spec, "factory", None)
    with contain() as caught:
        if isinstance(spec, ToolSpec):
            argument_errors(parameters_of(spec), {})
        examples_of(offer)
        if isinstance(factory, str) and not callable(resolve(factory)):
            return f"{offer.kind} {offer.name!r}: {factory!r} cannot be called"
    if caught.error is None:
        return None
    problem = describe(caught.error)
    if isinstance(caught.error, PluginError):
        problem = caught.error.cause
    elif isinstance(factory, str):
        problem = f"import of {factory!r} failed: {problem}"
    return f"{offer.kind} {offer.name!r}: {problem}"
