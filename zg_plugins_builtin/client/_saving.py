"""Write a file where it belongs, and never elsewhere."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path, PurePosixPath

from zg_core.plugin_api import InputError

__all__ = ["save"]

_STRANGE = re.compile(r"[\x00-\x1f\x7f\\\ud800-\udfff]|\A[A-Za-z]:")
_WINDOWS = os.name == "nt"
"""Where a colon in a name leads into another file of that name."""


def save(folder: Path, path: str, content: bytes) -> Path:
    """Write a file below a folder, whole or not at all, and return where it is.

    Args:
        folder: The folder; it is made if it is not there.
        path: The path below it, as a service said it.
        content: What is to be in it.

    Raises:
        InputError: If the path leads elsewhere, or the file cannot be written.
    """
    parts = PurePosixPath(path).parts
    strange = _STRANGE.search(path) or (_WINDOWS and ":" in path)
    if not parts or ".." in parts or path.startswith("/") or strange:
        raise InputError(
            f"the service names a file {path!r}, which is no place below a folder",
            "fetch it with download(), and write it where you want",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        target = folder.resolve().joinpath(*parts)
        # Before folders are made, which would be elsewhere as well.
        if not target.parent.resolve().is_relative_to(folder.resolve()):
            raise InputError(
                f"{path!r} leads out of {str(folder)!r} by a link",
                "choose another folder",
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        return _written(target, content)
    except OSError as error:
        raise InputError(
            f"the file {path!r} cannot be written: {error.strerror}",
            "choose another folder",
        ) from error


def _written(target: Path, content: bytes) -> Path:
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".zg-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(name).chmod(0o644)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return target
