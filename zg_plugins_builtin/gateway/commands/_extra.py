"""What the commands do without the packages that the service stands on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import zg_core as zg

__all__ = ["EXTRA", "needing_extra"]

EXTRA = "pip install 'zerogravity[gateway]'"


@contextmanager
def needing_extra() -> Iterator[None]:
    """Say which packages are missing, if what is imported in it finds one missing.

    Raises:
        ConfigError: If one is.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in ("", "zg_core", "zg_plugins_builtin"):
            raise
        raise zg.ConfigError(
            f"the service needs packages that are not installed: {missing}", EXTRA
        ) from error
