"""Import what ``"package.module:attribute"`` names, and know what names a file."""

from __future__ import annotations

import re
from functools import reduce
from importlib import import_module
from typing import Any

__all__ = ["is_reference", "is_resource", "module_of", "resolve"]

# As the entry points specification has it, extras included, which mean nothing now:
# https://packaging.python.org/en/latest/specifications/entry-points/#data-model
_NAMES = r"[^\W\d]\w*(?:\.[^\W\d]\w*)*"
_REFERENCE = re.compile(rf"({_NAMES})\s*(?::\s*({_NAMES})\s*)?(?:\[.*\]\s*)?")


def is_reference(text: str) -> bool:
    """Tell whether *text* has the form of a reference."""
    return _REFERENCE.fullmatch(text) is not None


def is_resource(text: object) -> bool:
    """Tell whether *text* names a file of a package: ``"package:folder/file"``."""
    if not isinstance(text, str):
        return False
    package, _, path = text.partition(":")
    parts = path.split("/")
    return (
        re.fullmatch(_NAMES, package) is not None
        and not {"", ".", ".."}.intersection(parts)
        and "\\" not in path
        and path.isprintable()
    )


def module_of(reference: str) -> str:
    """Return the module a reference names."""
    return reference.partition(":")[0].partition("[")[0].strip()


def resolve(reference: str) -> Any:
    """Import the module and return it, or the attribute of it that is named.

    Raises:
        ValueError: If it is no reference.
        Exception: Whatever importing the module raises, `BaseException` too.
    """
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise ValueError(f"{reference!r} is not 'module' or 'module:attribute'")
    module, path = match.groups()
    return reduce(getattr, path.split(".") if path else [], import_module(module))
