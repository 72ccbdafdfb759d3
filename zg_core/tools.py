"""A tool is a function a model may call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, overload, runtime_checkable

from ._json import Json, JsonObject
from ._names import is_name
from .contexts import Context
from .specs import Effect, Risk, ToolSpec

__all__ = ["Tool", "tool"]


@runtime_checkable
class Tool(Protocol):
    """What a tool's factory returns, where the tool is not a plain function."""

    async def call(self, arguments: JsonObject, ctx: Context) -> Json:
        """Do it, with arguments that fit the tool's schema.

        Raises:
            Retry: To tell the model how to ask better.
        """
        ...


@overload
def tool(function: Callable[..., Any], /) -> ToolSpec: ...
@overload
def tool(
    *,
    name: str | None = None,
    effect: Effect = "none",
    capabilities: frozenset[str] = frozenset(),
    risk: Risk = "low",
    requires_approval: bool = False,
    timeout_seconds: float | None = None,
) -> Callable[[Callable[..., Any]], ToolSpec]: ...
def tool(
    function: Callable[..., Any] | None = None, /, **options: Any
) -> ToolSpec | Callable[[Callable[..., Any]], ToolSpec]:
    """Make a tool of a function, plain or ``async``.

    Its name is the function's, its description the first paragraph of the
    docstring, its schema comes from the signature and the docstring's ``Args:``.
    A parameter annotated `Context` is filled in and hidden from the model.

    Args:
        function: The function, where the decorator has no parentheses.
        **options: Fields of `ToolSpec`: ``name``, ``effect`` (default ``"none"``),
            ``capabilities``, ``risk``, ``requires_approval``, ``timeout_seconds``.

    Returns:
        The spec, which can still be called like the function.
    """

    def decorate(function: Callable[..., Any]) -> ToolSpec:
        named = {**options, "name": options.get("name") or function.__name__}
        if not is_name(named["name"]):
            raise ValueError(
                f"a tool cannot be called {named['name']!r}: use a lower-case letter, "
                "then letters, digits, '-' or '_'; @tool(name=…) names it otherwise"
            )
        doc = (function.__doc__ or "").strip()
        description = " ".join(doc.split("\n\n", 1)[0].split())
        return ToolSpec(description=description, function=function, **named)

    return decorate if function is None else decorate(function)
