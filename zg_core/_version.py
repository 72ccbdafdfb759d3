"""Which ZeroGravity this is."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from ._isolation import contain

__all__ = ["core_version", "is_this_code"]

_STATED = re.compile(r"^version:\s*(\S+)", re.IGNORECASE | re.MULTILINE)
_PACKAGE = Path(__file__).resolve().parent


@cache
def core_version() -> str:
    """Return the version of the distribution that has this very code.

    Another of its name may stand before it on `sys.path`. ``"0+unknown"`` without
    any.
    """
    for folder in sys.path:
        for metadata in Path(folder).glob("zerogravity-*.dist-info"):
            with contain():
                version = _version_in(metadata.parent, _reader(metadata))
                if version:
                    return version
    return _found_by_finders() or "0+unknown"


def _reader(metadata: Path) -> Callable[[str], str | None]:
    def read(name: str) -> str | None:
        file = metadata / name
        return file.read_text(encoding="utf-8") if file.is_file() else None

    return read


def _found_by_finders() -> str | None:
    """Look as the library does, which every command would have to wait for."""
    import importlib_metadata

    with contain():  # whatever finders of packages are installed may fail
        for distribution in importlib_metadata.distributions(name="zerogravity"):
            with contain():  # so may metadata
                folder = distribution.locate_file("")
                version = _version_in(folder, distribution.read_text)
                if version:
                    return version
    return None


def _version_in(folder: Any, read: Callable[[str], str | None]) -> str | None:
    """Return the version that metadata states, if it is about this code."""
    # The library would import an e-mail parser for this.
    stated = _STATED.search(read("METADATA") or "")
    if stated is None or not _has_this_code(folder, read):
        return None
    return stated[1]


def is_this_code(*folders: str | Path) -> bool:
    """Tell whether one of these folders has the code that is running."""
    return any(Path(f, _PACKAGE.name).resolve() == _PACKAGE for f in folders)


def _has_this_code(folder: Any, read: Callable[[str], str | None]) -> bool:
    if is_this_code(folder):
        return True
    direct = json.loads(read("direct_url.json") or "{}")
    editable = direct.get("dir_info", {}).get("editable") is True
    if not editable:
        return False
    from urllib.parse import unquote, urlsplit

    return is_this_code(unquote(urlsplit(direct["url"]).path))
