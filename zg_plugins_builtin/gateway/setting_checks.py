"""What is refused of an operator's settings, since it protects nobody as it stands."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

from sqlalchemy import exc, make_url

import zg_core as zg

from .identity.providers import OAuthProvider

__all__ = ["check_public", "check_secrets", "is_loopback"]

_PLACEHOLDERS = frozenset(
    {
        *("change-me", "change_me", "changeme", "default", "example", "none"),
        *("passw0rd", "password", "placeholder", "secret", "test", "todo", "xxx"),
        *("your-client-secret", "your_client_secret"),
    }
)


def check_public(url: str | None) -> None:
    """Refuse an address under which clients could not trust the service.

    Raises:
        ConfigError: If it is such an address.
    """
    if url is None:
        return
    parts = urlsplit(url)
    host = parts.hostname or ""
    bare = not (parts.path.strip("/") or parts.query or parts.fragment)
    plain = parts.scheme == "http" and is_loopback(host)
    if not host or not bare or not (parts.scheme == "https" or plain):
        raise zg.ConfigError(
            f"the public address {url!r} is none that clients can trust",
            "write scheme and host only, like 'https://zg.example.com'; http is for "
            "this machine",
        )


def check_secrets(providers: Iterable[OAuthProvider], database: str | None) -> None:
    """Refuse secrets that everybody tries first.

    Args:
        providers: The services by which people may log in.
        database: The address of the database.

    Raises:
        ConfigError: If there is such a secret.
    """
    for provider in providers:
        if _is_placeholder(provider.client_secret):
            raise zg.ConfigError(
                f"the client secret of the provider {provider.name!r} is a placeholder",
                "set the one that the provider gave you",
            )
    try:
        password = make_url(database or "sqlite://").password
    except exc.ArgumentError:  # which opening it tells
        return
    if password is not None and _is_placeholder(str(password)):
        raise zg.ConfigError(
            "the password of the database is a placeholder that everybody tries",
            "give the database's user another one",
        )


def _is_placeholder(secret: str) -> bool:
    return len(secret) < 8 or secret.strip("<>[]{}$ ").casefold() in _PLACEHOLDERS


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine only."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
