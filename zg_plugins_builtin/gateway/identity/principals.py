"""Who asks for something, once they are known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from ..errors import InsufficientScopeError
from .scopes import SCOPES

__all__ = ["Principal"]


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, for whom, and what they may do: made once for each request.

    Args:
        kind: ``user``: a person with a session; ``key``: a key of a person;
            ``service``: a key of an account that is no person.
        sub: The id of the user; of the key's owner, if it is a key.
        tid: The id of the tenant.
        scopes: What they may do now.
        roles: The user's roles.
        amr: How they proved who they are: ``pwd``.
        auth_time: When they did; `None` for a key, which proves nothing anew.
        expires_at: Until when they are known, at the latest.
        session_id: The session, if there is one.
        key_id: The key, if it is one.
    """

    kind: Literal["user", "key", "service"]
    sub: str
    tid: str
    scopes: frozenset[str]
    roles: tuple[str, ...]
    amr: tuple[str, ...]
    auth_time: datetime | None
    expires_at: datetime
    session_id: str | None = None
    key_id: str | None = None

    @classmethod
    def operator(cls, tenant_id: str) -> Principal:
        """Return who sits at the machine itself, and acts on a tenant from there."""
        return cls(
            kind="service",
            sub="operator",
            tid=tenant_id,
            scopes=SCOPES,
            roles=(),
            amr=(),
            auth_time=None,
            expires_at=datetime.max.replace(tzinfo=UTC),
        )

    @property
    def actor(self) -> str:
        """The id that stands in the audit: of the key, or of the user."""
        return self.key_id or self.sub

    def has(self, scope: str) -> bool:
        """Tell whether a scope is theirs."""
        return scope in self.scopes

    def require(self, scope: str) -> None:
        """Go on only with a scope.

        Raises:
            InsufficientScopeError: If it is not theirs.
        """
        if scope not in self.scopes:
            raise InsufficientScopeError(scope)

    def proved_within(self, seconds: float, now: datetime) -> bool:
        """Tell whether they proved who they are a short while ago."""
        if self.auth_time is None:
            return False
        return now - self.auth_time <= timedelta(seconds=seconds)
