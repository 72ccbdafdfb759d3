"""Fill prompts in, with plain names and nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["fill", "placeholders"]

_PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_-]*)\}")


def placeholders(template: str) -> frozenset[str]:
    """Return the names a template mentions as ``{name}``."""
    return frozenset(_PLACEHOLDER.findall(template))


def fill(template: str, values: Mapping[str, str]) -> str:
    """Replace each ``{name}`` that *values* has; leave every other brace alone.

    Not `str.format`: its templates reach into objects (``{x.__class__}``), and
    prompts are full of braces that mean themselves. A value is put in once and
    never looked into again, so a step's output cannot name another's.
    """
    return _PLACEHOLDER.sub(lambda m: values.get(m[1], m[0]), template)
