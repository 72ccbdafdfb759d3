"""Say what is wrong with a thing a plugin offers, which shows only in use."""

from __future__ import annotations

from dataclasses import dataclass

from ..._isolation import contain, describe
from ...errors import PluginError
from ...registry import Contribution
from ...specs import ToolSpec
from ..examples import examples_of
from ..references import resolve

__all__ = ["Flaw", "flaw_of_offer"]


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something that is wrong with a thing a plugin offers.

    Attributes:
        thing: What kind of thing it is, and its name.
        problem: What is wrong with it.
        module: The module that is not there, if it is that.
    """

    thing: str
    problem: str
    module: str = ""

    def __str__(self) -> str:
        return f"{self.thing}: {self.problem}"


def flaw_of_offer(offer: Contribution) -> Flaw | None:
    """Return what is wrong with it, if anything is; nothing is made of it.

    What its factory names is imported, the schema of a tool's arguments is checked,
    and its examples are read; a host does nothing of that before somebody uses them.
    """
    from ..._schema import parameters_of  # jsonschema, pydantic
    from ..._validation import argument_errors

    spec, thing = offer.spec, f"{offer.kind} {offer.name!r}"
    factory = getattr(spec, "factory", None)
    with contain() as caught:
        if isinstance(spec, ToolSpec):
            argument_errors(parameters_of(spec), {})
        examples_of(offer)
        if isinstance(factory, str) and not callable(resolve(factory)):
            return Flaw(thing, f"{factory!r} cannot be called")
    if caught.error is None:
        return None
    problem = describe(caught.error)
    if isinstance(caught.error, PluginError):
        problem = caught.error.cause
    elif isinstance(factory, str):
        problem = f"import of {factory!r} failed: {problem}"
    return Flaw(thing, problem, _missing(caught.error))


def _missing(error: BaseException | None) -> str:
    """Return the module whose absence an error comes from, if it does."""
    while error is not None:
        if isinstance(error, ModuleNotFoundError):
            return error.name or ""
        error = error.__cause__
    return ""
