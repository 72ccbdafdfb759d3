"""Metrics of the service: counted as it happens, or looked up; and served."""

from __future__ import annotations

from .metrics import Metrics

__all__ = ["Metrics"]
