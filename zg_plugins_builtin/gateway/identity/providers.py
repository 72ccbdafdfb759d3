"""Services that say who somebody is: which there are, and how they are reached."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from zg_core.plugin_api import ConfigError

__all__ = ["External", "OAuthProvider", "github", "google"]

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


@dataclass(frozen=True, slots=True)
class OAuthProvider:
    """A service by which people may log in.

    Args:
        name: What it is called in addresses: ``google``.
        issuer: Its own name, as an address; what it says is found below that.
        client_id: What we are called there.
        client_secret: How we prove it.
        kind: How it speaks: OpenID Connect, or as GitHub does.
        scopes: What we ask to be told.

    Raises:
        ConfigError: If one of these cannot be so.
    """

    name: str
    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    kind: Literal["oidc", "github"] = "oidc"
    scopes: tuple[str, ...] = ("openid", "email", "profile")

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ConfigError(
                f"{self.name!r} is no name of a provider",
                "use small letters, digits and hyphens",
            )
        if not (self.client_id and self.client_secret):
            raise ConfigError(
                f"the provider {self.name!r} lacks its client id or secret",
                "set both, as the provider gave them to you",
            )


@dataclass(frozen=True, slots=True)
class External:
    """Who somebody is, as a provider says.

    Args:
        issuer: The provider's own name.
        subject: Their id there, which never changes.
        email: Their address, if it is told.
        email_verified: Whether the provider knows that it is theirs.
    """

    issuer: str
    subject: str
    email: str | None
    email_verified: bool


def google(client_id: str, client_secret: str) -> OAuthProvider:
    """Return Google."""
    return OAuthProvider(
        "google", "https://accounts.google.com", client_id, client_secret
    )


def github(client_id: str, client_secret: str) -> OAuthProvider:
    """Return GitHub."""
    return OAuthProvider(
        "github",
        "https://github.com",
        client_id,
        client_secret,
        kind="github",
        scopes=("read:user", "user:email"),
    )
