"""The type of a JSON value."""

from __future__ import annotations

from typing import Any, TypeAlias

__all__ = ["Json", "JsonObject"]

# `Any`, because a recursive alias makes every reader narrow at each level, for
# values that cross the border as JSON and are checked there against a schema.
Json: TypeAlias = Any
"""``None``, `bool`, `int`, `float`, `str`, or a `list` or `dict` of these."""

JsonObject: TypeAlias = dict[str, Any]
"""A `dict` from `str` to `Json`."""
