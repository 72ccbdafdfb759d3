"""Events and what they are made of, for laws that hold for all of them."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any, get_args, get_origin

from hypothesis import strategies as st

from .. import events as _events
from ..events import Event, Requested, UnknownEvent
from ..usage import Limits
from ..workflows import OnError, Step, Workflow

__all__ = ["KINDS", "json_objects", "json_values", "names", "records", "texts"]

KINDS: list[type[Event]] = [
    kind
    for name in _events.__all__
    if isinstance(kind := getattr(_events, name), type)
    and issubclass(kind, Event)
    and kind not in (Event, Requested, UnknownEvent)
]
"""The kinds of events this version knows."""

texts = st.text(max_size=20)
names = st.from_regex(r"[a-z][a-z0-9_-]{0,10}", fullmatch=True).filter(
    lambda name: name not in ("input", "objective")
)
numbers = st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | numbers | texts,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3)
    ),
    max_leaves=6,
)
json_objects = st.dictionaries(texts, json_values, max_size=3)


def records(kind: type) -> st.SearchStrategy[Any]:
    """Records of a class, with any value its fields may have."""
    if kind in _SPECIAL:
        return _SPECIAL[kind]
    hints = typing.get_type_hints(kind)
    return st.builds(
        kind, **{f.name: _values(hints[f.name]) for f in dataclasses.fields(kind)}
    )


def _values(hint: Any) -> st.SearchStrategy[Any]:
    arguments = get_args(hint)
    origin = get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return st.one_of(*map(_values, arguments))
    if origin is typing.Literal:
        return st.sampled_from(arguments)
    if origin is tuple:
        return st.lists(_values(arguments[0]), max_size=2).map(tuple)
    if origin is dict:
        return st.dictionaries(texts, _values(arguments[1]), max_size=3)
    if hint is Any:
        return json_values
    if dataclasses.is_dataclass(hint):
        assert isinstance(hint, type)
        return records(hint)
    return _PLAIN[hint]


_PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: texts,
    int: st.integers(),
    # Where a float is due, infinity has a place too: JSON has only not.
    float: st.floats(allow_nan=False),
    bool: st.booleans(),
    type(None): st.none(),
}


@st.composite
def _workflows(draw: st.DrawFn) -> Workflow:
    """Steps that need any of those before them."""
    steps: list[Step] = []
    for name in draw(st.lists(names, min_size=1, max_size=3, unique=True)):
        before = [step.name for step in steps]
        needs = draw(st.sets(st.sampled_from(before))) if before else set()
        steps.append(
            Step(
                name,
                agent=draw(texts),
                needs=tuple(sorted(needs)),
                prompt=draw(st.sampled_from(["", "Do {input}.", "Say {x."])),
                model=draw(st.none() | texts),
                on_error=draw(st.sampled_from(get_args(OnError))),
                timeout_seconds=draw(st.none() | st.floats(0.001, 1e6)),
            )
        )
    return Workflow(
        draw(names), tuple(steps), description=draw(texts), routed=draw(st.booleans())
    )


_AMOUNTS = st.none() | st.integers(1, 10**9)
_SPECIAL: dict[type, st.SearchStrategy[Any]] = {
    Workflow: _workflows(),
    Limits: st.builds(
        Limits,
        usd=st.none() | st.floats(0.001, 1e6),
        tokens=_AMOUNTS,
        calls=_AMOUNTS,
        seconds=st.none() | st.floats(0.001, 1e6),
    ),
}
