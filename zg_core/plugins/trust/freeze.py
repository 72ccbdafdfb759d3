"""Write down how to install plugins again."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from ..._isolation import contain
from ..finding.scan import Copy
from ..finding.sources import Source

__all__ = ["frozen"]


def frozen(sources: Iterable[Source]) -> tuple[str, ...]:
    """Return the lines of a requirements file that restores these plugins.

    The forms are those of ``pip freeze``. What an installer did not note cannot be
    told: from which index a plugin came, say.

    Args:
        sources: The installed plugins; those that are built in are left out.
    """
    copies = {s.copy.name: s.copy for s in sources if s.copy and not s.builtin}
    return tuple(_requirement(copies[name]) for name in sorted(copies))


def _requirement(copy: Copy) -> str:
    if copy.editable:
        return f"-e {shlex.quote(copy.editable)}"
    with contain():  # anybody may have written it
        text = Path(copy.folder, "direct_url.json").read_text(encoding="utf-8")
        return f"{copy.name} @ {_url(json.loads(text))}"
    return copy.name if copy.version == "unknown" else f"{copy.name}=={copy.version}"


def _url(direct: Any) -> str:
    """Return the URL of a ``direct_url.json``, as a requirement has it.

    Source: https://packaging.python.org/en/latest/specifications/direct-url/
    """
    parts = urlsplit(str(direct["url"]))
    marks = {}
    if directory := direct.get("subdirectory"):
        marks["subdirectory"] = quote(directory)
    if vcs := direct.get("vcs_info"):
        scheme = f"{vcs['vcs']}+{parts.scheme}"
        path = f"{parts.path}@{vcs['commit_id']}"
    else:
        scheme, path = parts.scheme, parts.path
        marks |= direct.get("archive_info", {}).get("hashes", {})
    # What is before the host, or in the query, may be a secret; pip asks for it.
    user, _, host = parts.netloc.rpartition("@")
    host = f"git@{host}" if user == "git" else host
    fragment = "&".join(f"{name}={value}" for name, value in marks.items())
    return urlunsplit((scheme, host, path, "", fragment))
