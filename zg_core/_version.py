"""Which ZeroGravity this is."""

from __future__ import annotations

from functools import cache

__all__ = ["core_version"]


@cache
def core_version() -> str:
    """Return the version of the installed distribution; ``"0+unknown"`` without one."""
    import importlib_metadata

    try:
        return importlib_metadata.version("zerogravity")
    except importlib_metadata.PackageNotFoundError:
        return "0+unknown"
