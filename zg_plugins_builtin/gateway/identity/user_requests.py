"""Check what somebody asks of a user that is to be made, or changed."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import Fault, InvalidRequestError
from .scopes import ROLES

__all__ = ["checked_name", "checked_roles"]

LONGEST_NAME = 100


def checked_roles(roles: Iterable[str]) -> frozenset[str]:
    """Return roles, if there is one and each is one of ours.

    Raises:
        InvalidRequestError: If it is not so.
    """
    held = frozenset(roles)
    if not held or not held <= ROLES.keys():
        raise InvalidRequestError(
            "the roles are not valid",
            "",
            Fault("/roles", "enum", f"must be of {', '.join(sorted(ROLES))}"),
        )
    return held


def checked_name(name: str) -> str:
    """Return what somebody, or something, is called, if it can be shown.

    Raises:
        InvalidRequestError: If it is too long, or holds what is no character.
    """
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise InvalidRequestError(
            "the name is not valid",
            "",
            Fault(
                "/name", "format", f"must be up to {LONGEST_NAME} characters to read"
            ),
        )
    return name.strip()
