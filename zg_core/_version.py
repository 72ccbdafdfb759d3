"""Which ZeroGravity this is."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from ._isolation import contain

__all__ = ["core_version", "is_this_code"]

_PACKAGE = Path(__file__).resolve().parent


@cache
def core_version() -> str:
    """Return the version of the distribution that has this very code.

    Another of its name may stand before it on `sys.path`. ``"0+unknown"`` without
    any.
    """
    import importlib_metadata

    with contain():  # whatever finders of packages are installed may fail
        for distribution in importlib_metadata.distributions(name="zerogravity"):
            with contain():  # so may metadata
                version = _stated(distribution)
                if version and _has_this_code(distribution):
                    return version
    return "0+unknown"


def _stated(distribution: Any) -> str:
    # The library would import an e-mail parser, which every command would wait for.
    text = distribution.read_text("METADATA") or ""
    stated = re.search(r"^version:\s*(\S+)", text, re.IGNORECASE | re.MULTILINE)
    return stated[1] if stated else str(distribution.version or "")


def is_this_code(*folders: str | Path) -> bool:
    """Tell whether one of these folders has the code that is running."""
    return any(Path(f, _PACKAGE.name).resolve() == _PACKAGE for f in folders)


def _has_this_code(distribution: Any) -> bool:
    if is_this_code(distribution.locate_file("")):
        return True
    direct = json.loads(distribution.read_text("direct_url.json") or "{}")
    editable = direct.get("dir_info", {}).get("editable") is True
    return editable and is_this_code(unquote(urlsplit(direct["url"]).path))
