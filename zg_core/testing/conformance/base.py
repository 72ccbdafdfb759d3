"""What all conformance classes have: levels, and standard tests nobody overrides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy

__all__ = ["Conformance", "for_any", "level"]

F = TypeVar("F", bound=Callable[..., Any])
_GUARD = "test_no_standard_test_is_overridden"


def level(number: int) -> Callable[[F], F]:
    """Mark a standard test with the level it came with."""

    def mark(test: F) -> F:
        test.__dict__["conformance_level"] = number
        return test

    return mark


def for_any(
    *strategies: SearchStrategy[Any], examples: int = 25
) -> Callable[[Callable[..., None]], Callable[[], None]]:
    """Make a function a law for any values; the same ones each time it is tested."""

    def decorate(law: Callable[..., None]) -> Callable[[], None]:
        found = given(*strategies)(law)
        return settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],  # to shrink would take many more runs
            suppress_health_check=list(HealthCheck),
        )(found)

    return decorate


class Conformance:
    """Standard tests, to be inherited by a class of pytest tests.

    A test that a plugin cannot pass is overridden, marked with
    ``@pytest.mark.xfail(reason=…)``; anything else is not the contract.

    Attributes:
        conformance_level: The level of the tests; those of a later one are left out,
            so that an upgrade of ZeroGravity adds none.
    """

    conformance_level: ClassVar[int] = 1

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if _GUARD in vars(cls):
            raise TypeError(f"{cls.__name__} must not override {_GUARD}")
        if _is_ours(cls):
            return
        for name, test in _standard(cls).items():
            if _left_out(test, cls.conformance_level):
                setattr(cls, name, None)

    def test_no_standard_test_is_overridden(self) -> None:
        """All of them count; what is not kept is said, with a reason."""
        for name, test in _standard(type(self)).items():
            own = getattr(type(self), name)
            if own is test or _left_out(test, self.conformance_level):
                continue
            reasons = [
                mark.kwargs.get("reason")
                for mark in getattr(own, "pytestmark", ())
                if mark.name == "xfail"
            ]
            if not any(reasons):
                pytest.fail(
                    f"{name} is a standard test: mark it "
                    "@pytest.mark.xfail(reason=…) where you override it"
                )


def _is_ours(cls: type) -> bool:
    return cls.__module__.startswith(f"{__package__}.")


def _standard(cls: type) -> dict[str, Any]:
    """Return the standard tests of a class, as they were written."""
    return {
        name: test
        for base in reversed(cls.__mro__)
        if _is_ours(base)
        for name, test in vars(base).items()
        if name.startswith("test_") and callable(test)
    }


def _left_out(test: Any, most: int) -> bool:
    return int(getattr(test, "conformance_level", 1)) > most
