"""Versions of a thing as entity tags (RFC 9110): has it changed since you read it?"""

from __future__ import annotations

import re

__all__ = ["entity_tag", "unchanged"]

_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e]*")')


def entity_tag(version: int) -> str:
    """Return the entity tag of a version: ``"v7"``, with its quotes."""
    return f'"v{version}"'


def unchanged(if_none_match: str | None, tag: str) -> bool:
    """Return whether a client has this already, so that 304 is the answer.

    Args:
        if_none_match: The value of ``If-None-Match``.
        tag: The tag of what is there.
    """
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or tag in _TAG.findall(if_none_match)
