"""All models that an engine calls, and the way to each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ..asking import Link
from .clock import Clock
from .lane import Lane, LaneState
from .limiter import Limiter

__all__ = ["Traffic"]

_REAL = Clock()


class Traffic:
    """The ways to the models that an engine calls, each made when it is needed.

    Args:
        concurrency: How many calls may be under way at once: to a model by its
            name, or to all models of a provider by the provider's.
        clock: Time and chance.

    Attributes:
        clock: The same.
    """

    def __init__(
        self,
        concurrency: Mapping[str, int] = MappingProxyType({}),
        *,
        clock: Clock = _REAL,
    ) -> None:
        self.clock = clock
        self._concurrency = concurrency
        self._lanes: dict[tuple[str, str], tuple[str, Lane]] = {}
        self._shared: dict[str, Limiter] = {}

    def lane(self, link: Link) -> Lane:
        """Return the way to the model of a link."""
        key = link.offer, link.model
        found = self._lanes.get(key)
        if found is None:
            lane = Lane(link.name, self._limiter(link), self.clock)
            found = self._lanes[key] = link.name, lane
        return found[1]

    def snapshot(self) -> dict[str, LaneState]:
        """Return how calls fare now, by ``"provider:model"``."""
        return {name: lane.state() for name, lane in self._lanes.values()}

    def _limiter(self, link: Link) -> Limiter:
        """Return the limiter of a model: its own, or its provider's."""
        for name in (link.name, f"{link.offer}:{link.model}"):
            if name in self._concurrency:
                return Limiter(self.clock, self._concurrency[name])
        for provider in (link.name.removesuffix(f":{link.model}"), link.offer):
            if provider in self._concurrency:
                cap = self._concurrency[provider]
                return self._shared.setdefault(link.offer, Limiter(self.clock, cap))
        return Limiter(self.clock)
