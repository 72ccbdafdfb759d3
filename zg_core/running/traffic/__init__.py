"""Who may call a model now: breakers, limits on concurrency, turns."""

from __future__ import annotations

from .clock import Clock
from .lane import Lane, LaneState
from .lanes import Traffic

__all__ = ["Clock", "Lane", "LaneState", "Traffic"]
