"""What a workflow decides by itself: JMESPath expressions over the outputs of steps.

See https://jmespath.org. An expression may come from a stranger and runs over what
models wrote, so that its length and the work that it may cost are bounded.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ._json import Json
from ._names import nearest
from .errors import WorkflowError

if TYPE_CHECKING:
    from jmespath.exceptions import JMESPathError

__all__ = ["check_expression", "evaluate", "is_true", "mentioned"]

_LONGEST = 2_000  # characters
_MOST_WORK = 100_000
"""How many values may be looked at; it takes up to a second."""
_MOST_FOUND = 1_000_000
"""How many values there may be in what is found."""
_SHOWN = 90


def check_expression(expression: str, whose: str, known: Collection[str]) -> None:
    """Refuse what is no expression, or mentions what there will not be.

    Args:
        expression: The expression.
        whose: What has it, to begin the cause with: ``"'when' of step 'a'"``.
        known: The names that it may mention.

    Raises:
        WorkflowError: If it is not well formed, calls a function that there is not or
            with too few or too many arguments, or mentions another name.
    """
    tree = _parsed(expression, whose)
    _check_negations(tree, whose, expression)
    for name, count in _called(tree):
        _check_function(name, count, whose, expression)
    for name in _mentioned(tree):
        if name not in known:
            raise WorkflowError(
                f"{whose} mentions {name!r}, which it cannot see",
                _instead(name, expression, known),
                expression=expression,
            )


def evaluate(expression: str, document: Mapping[str, Json], whose: str) -> Any:
    """Return what an expression makes of a document.

    Args:
        expression: The expression.
        document: The values that it may mention, by name.
        whose: What has it, to begin the cause with.

    Raises:
        WorkflowError: If it cannot be evaluated: a function is given what it does not
            take, or the work is too much.
    """
    from jmespath.exceptions import JMESPathError

    tree = _parsed(expression, whose)
    try:
        found = _interpreter().visit(tree, dict(document))
        _Work(_MOST_FOUND).pay_for(found)
        return found
    except _TooMuchError:
        why = "it is too much work"
    except RecursionError:
        why = "it, or what it looks at, is nested too deep"
    except JMESPathError as error:
        why = _misfit(error)
    except (TypeError, ValueError, ArithmeticError) as error:
        why = f"{error}"[:200]
    raise WorkflowError(
        f"{whose} cannot be evaluated: {why}",
        "have the steps before give what it expects; or correct the expression, and "
        "do that anew, since a run keeps the workflow that it began with",
        expression=expression,
    )


def mentioned(expression: str) -> frozenset[str]:
    """Return the names that a well-formed expression is sure to look at."""
    return frozenset(_mentioned(_tree(expression)))


def is_true(value: object) -> bool:
    """Tell whether a value is true, as JMESPath has it.

    False are ``false``, ``null``, and what is empty: ``""``, ``[]``, ``{}``.
    """
    return not (value is None or value is False or value in ("", [], {}))


# -- Made ------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def _tree(expression: str) -> Any:
    import jmespath

    with warnings.catch_warnings():
        warnings.simplefilter("error", PendingDeprecationWarning)
        return jmespath.compile(expression).parsed


def _parsed(expression: str, whose: str) -> Any:
    from jmespath.exceptions import JMESPathError

    if not isinstance(expression, str):
        raise WorkflowError(f"{whose} is no text", "write a JMESPath expression")
    if len(expression) > _LONGEST:
        raise WorkflowError(
            f"{whose} has {len(expression):,} characters; {_LONGEST:,} is most",
            "have an agent decide it, and look at what it says",
        )
    try:
        return _tree(expression)
    except RecursionError:
        why = "it is nested too deep"
    except PendingDeprecationWarning:
        why = "text in backticks, which belongs into single quotes,"
    except (JMESPathError, ValueError) as error:
        why = _syntax(error, expression)
    raise WorkflowError(
        f"{whose} is no JMESPath expression: {why} in {_short(expression)}",
        _HYPHEN if "-" in expression else "correct it; see https://jmespath.org",
        expression=expression,
    )


_HYPHEN = (
    "correct it; a name with a hyphen stands in double quotes, "
    """as in "my-step".approved"""
)


def _syntax(error: ValueError, expression: str) -> str:
    """Say what is wrong with an expression, and where."""
    place = getattr(error, "lex_position", None)
    token = getattr(error, "token_value", None)
    if place is None:
        return "it is empty" if not expression.strip() else f"{error}"[:_SHOWN]
    if place >= len(expression):
        return "something is missing at the end"
    shown = token if isinstance(token, str) and token else expression[place]
    return f"{shown[:20]!r} is not expected at character {place + 1}"


def _short(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")


def _nodes(tree: Any) -> Iterator[Any]:
    waiting = [tree]
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, dict):  # a slice has numbers for children
            yield node
            waiting[:0] = node["children"]


def _check_negations(tree: Any, whose: str, expression: str) -> None:
    """Refuse ``!a.b``, which JMESPath takes for ``(!a).b``: that is always nothing."""
    for node in _nodes(tree):
        if node["type"] != "subexpression":
            continue
        if node["children"][0]["type"] == "not_expression":
            raise WorkflowError(
                f"{whose} negates only what is before a dot in {_short(expression)}",
                "put what is to be negated in parentheses, as in !(review.approved)",
                expression=expression,
            )


def _called(tree: Any) -> Iterator[tuple[str, int]]:
    for node in _nodes(tree):
        if node["type"] == "function_expression":
            yield node["value"], len(node["children"])


def _check_function(name: str, count: int, whose: str, expression: str) -> None:
    from jmespath.functions import Functions

    functions: Mapping[str, Any] = Functions.FUNCTION_TABLE
    if name not in functions:
        close = nearest(name, functions)
        raise WorkflowError(
            f"{whose} calls the function {name!r}, which JMESPath does not have",
            f"did you mean {close!r}?" if close else f"it has {', '.join(functions)}",
            expression=expression,
        )
    signature = functions[name]["signature"]
    more = bool(signature) and bool(signature[-1].get("variadic"))
    if count < len(signature) or (count > len(signature) and not more):
        wanted = f"{'at least ' * more}{len(signature)}"
        raise WorkflowError(
            f"{whose} gives the function {name!r} {count} "
            f"argument{'s' * (count != 1)} instead of {wanted}",
            "correct it; see https://jmespath.org/specification.html",
            expression=expression,
        )


_CHAINS = frozenset({"subexpression", "index_expression", "pipe"})
_PROJECTIONS = frozenset({"projection", "value_projection", "filter_projection"})
"""Nodes whose first child sees the whole document, and the others what that gives."""


def _mentioned(tree: Any) -> Iterator[str]:
    """Yield the fields of the whole document that an expression is sure to look at."""
    waiting = [tree]
    while waiting:
        node = waiting.pop(0)
        kind, children = node["type"], node["children"]
        if kind == "field":
            yield node["value"]
        elif kind in _CHAINS and children[0]["type"] in ("current", "identity"):
            waiting[:0] = children[:2]
        elif kind in _CHAINS or kind in _PROJECTIONS:
            waiting[:0] = children[:1]
        elif kind not in ("expref", "slice"):
            waiting[:0] = children


def _instead(name: str, expression: str, known: Collection[str]) -> str:
    if name in ("true", "false", "null"):
        return f"write a value in backticks: `{name}`"
    if f'"{name}"' in expression and not nearest(name, known):
        return f"write text in single quotes: '{name}'"
    if close := nearest(name, known):
        return f"did you mean {close!r}?"
    return f"it sees {', '.join(sorted(known))}; add what else it is to see to needs"


# -- Evaluated -------------------------------------------------------------------------


class _TooMuchError(Exception):
    """More work is asked for than a decision is worth."""


def _interpreter() -> Any:
    """Return the library's interpreter, with the work of one evaluation bounded.

    Values share their parts, so that a short expression makes what would fill any
    memory if it were written out: ``[@,@] | [@,@] | …``. So all that goes through
    values, and not only to their parts, pays for what it goes through.
    """
    return _kind()()


@lru_cache(maxsize=1)
def _kind() -> Any:
    from jmespath.functions import Functions
    from jmespath.visitor import Options, TreeInterpreter

    class Paying(Functions):
        """The library's functions, which pay for their arguments."""

        def __init__(self, work: _Work) -> None:
            self.work = work

        def call_function(
            self, function_name: str, resolved_args: Iterable[Any]
        ) -> Any:
            resolved_args = list(resolved_args)
            if function_name not in _SHALLOW:
                self.work.pay_for(resolved_args)
            if function_name == "join":
                self.work.pay_for_joining(resolved_args)
            return super().call_function(function_name, resolved_args)

    class Bounded(TreeInterpreter):
        """The library's interpreter, which pays for each node, and for comparisons."""

        def __init__(self) -> None:
            self.work = _Work()
            super().__init__(Options(custom_functions=Paying(self.work)))

        def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:
            self.work.pay(1)
            return super().visit(node, *args, **kwargs)

        def visit_comparator(self, node: Any, value: Any) -> Any:
            both = [self.visit(child, value) for child in node["children"]]
            self.work.pay_for(both)
            found: Any = {**node, "children": [_literal(side) for side in both]}
            return super().visit_comparator(found, value)

        def visit_flatten(self, node: Any, value: Any) -> Any:
            base = self.visit(node["children"][0], value)
            for part in base if isinstance(base, list) else ():
                self.work.pay(1 + (len(part) if isinstance(part, list) else 0))
            found: Any = {**node, "children": [_literal(base)]}
            return super().visit_flatten(found, value)

        def visit_slice(self, node: Any, value: Any) -> Any:
            self.work.pay(len(value) if isinstance(value, list) else 0)
            return super().visit_slice(node, value)

    return Bounded


def _literal(value: Any) -> Any:
    return {"type": "literal", "value": value, "children": []}


_SHALLOW = frozenset({"length", "type", "not_null", "to_array", "map"})
"""Functions that look at no more than is paid for anyway."""


class _Work:
    """What one evaluation may still cost."""

    __slots__ = ("left",)

    def __init__(self, left: int = _MOST_WORK) -> None:
        self.left = left

    def pay(self, cost: int) -> None:
        self.left -= cost
        if self.left < 0:
            raise _TooMuchError

    def pay_for(self, value: Any) -> None:
        """Pay for a walk through a value."""
        waiting = [value]
        while waiting:
            part = waiting.pop()
            self.pay(1)
            if isinstance(part, dict):
                waiting += part
                waiting += part.values()
            elif isinstance(part, list):
                waiting += part
            elif isinstance(part, str):
                self.pay(len(part) // 64)

    def pay_for_joining(self, arguments: list[Any]) -> None:
        match arguments:
            case [str() as between, list() as texts]:
                self.pay(len(texts) * (len(between) // 64))


def _misfit(error: JMESPathError) -> str:
    """Say what does not fit, without the values, which may be long."""
    name = getattr(error, "function_name", None)
    actual = getattr(error, "actual_type", None)
    if name is None or actual is None:
        return f"{error}"[:200]
    expected = " or ".join(getattr(error, "expected_types", ()))
    return f"{name}() takes {expected}, and is given {actual}"
