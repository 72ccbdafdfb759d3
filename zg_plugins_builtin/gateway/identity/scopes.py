"""What somebody may do, in words; and the roles that bring them."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["HOST_SCOPES", "ROLES", "SCOPES", "scopes_of", "words"]

_LOOK = frozenset({"jobs:read", "agents:read", "approvals:read", "usage:read"})
_WORK = frozenset({"jobs:write", "jobs:delete", "webhooks:read", "webhooks:write"})
_KEYS = frozenset({"keys:read", "keys:write"})
_DECIDE = frozenset({"approvals:decide"})
_MORE = frozenset(
    {"jobs:high_priority", "jobs:large_budget", "jobs:relax_approval"}
    | {"jobs:spawn", "agents:restricted"}
)
"""What an objective may ask for only with a scope of its own."""
_ADMINISTER = frozenset({"admin:users", "admin:limits", "admin:audit", "admin:kill"})
HOST_SCOPES = frozenset({"admin:tenants"})
"""What concerns all tenants: only people of the host's own tenant ever have it."""

ROLES: dict[str, frozenset[str]] = {
    "viewer": _LOOK,
    "member": _LOOK | _WORK | _KEYS,
    "operator": _LOOK | _DECIDE | _KEYS,
    "service": _LOOK | _WORK,
    "admin": _LOOK | _WORK | _KEYS | _DECIDE | _MORE | _ADMINISTER,
    "owner": _LOOK | _WORK | _KEYS | _DECIDE | _MORE | _ADMINISTER | HOST_SCOPES,
}
"""The scopes of each role. Somebody may have several."""

SCOPES = frozenset[str]().union(*ROLES.values())
"""Every scope there is."""


def scopes_of(roles: Iterable[str], *, host: bool) -> frozenset[str]:
    """Return what roles bring.

    A role of a newer version, which is not known here, brings nothing.

    Args:
        roles: The roles.
        host: Whether they are had in the tenant of who runs the service.
    """
    scopes = frozenset[str]().union(*(ROLES.get(role, frozenset()) for role in roles))
    return scopes if host else scopes - HOST_SCOPES


def words(several: Iterable[str]) -> str:
    """Return words as one text, each once and sorted; as scopes are written."""
    return " ".join(sorted(set(several)))
