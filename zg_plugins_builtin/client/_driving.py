"""The blocking client from the asynchronous one, which is the only one written.

What does I/O lies behind `zg_plugins_builtin.client._wire.Wire`. Over a wire that
blocks, a coroutine of ours never waits: it comes to its end in one step, without an
event loop and without a thread.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import update_wrapper
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, cast

__all__ = ["Blocking", "Iterating", "done"]

P = ParamSpec("P")
T = TypeVar("T")


def done(work: Awaitable[T]) -> T:
    """Return what comes of work that does not wait."""
    steps = work.__await__()
    try:
        next(steps)
    except StopIteration as end:
        return cast(T, end.value)
    raise RuntimeError("a client that blocks cannot wait for others")


class _Mirrored(Generic[P, T]):
    """A method of a blocking object, made of that of the asynchronous one behind it."""

    def __init__(self, method: Callable[Concatenate[Any, P], Any]) -> None:
        self._method = method
        update_wrapper(cast(Any, self), method)

    def _of(self, instance: Any) -> Any:
        return getattr(instance.behind, self._method.__name__)


class Blocking(_Mirrored[P, T]):
    """A method that returns what the asynchronous one would, when it is there."""

    def __init__(self, method: Callable[Concatenate[Any, P], Awaitable[T]]) -> None:
        super().__init__(method)

    def __get__(self, instance: Any, owner: type) -> Callable[P, T]:
        """Return the method of an object."""
        if instance is None:
            return cast(Callable[P, T], self)
        method = self._of(instance)

        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            return cast(T, instance.shown(done(method(*args, **kwargs))))

        return update_wrapper(call, self._method)


class Iterating(_Mirrored[P, T]):
    """A method that returns an iterator, where the asynchronous one's waits."""

    def __init__(self, method: Callable[Concatenate[Any, P], AsyncIterator[T]]) -> None:
        super().__init__(method)

    def __get__(self, instance: Any, owner: type) -> Callable[P, Iterator[T]]:
        """Return the method of an object."""
        if instance is None:
            return cast(Callable[P, Iterator[T]], self)
        method = self._of(instance)

        def call(*args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
            return _iterated(method(*args, **kwargs), instance.shown)

        return update_wrapper(call, self._method)


def _iterated(items: Any, shown: Callable[[Any], T]) -> Iterator[T]:
    try:
        while True:
            try:
                item = done(items.__anext__())
            except StopAsyncIteration:
                return
            yield shown(item)
    finally:
        done(items.aclose())
