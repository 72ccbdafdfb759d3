"""Check what somebody asks of a key that is to be made."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TypeAlias

from ..errors import Fault, InvalidRequestError
from .principals import Principal
from .scopes import SCOPES
from .user_requests import checked_name

__all__ = [
    "LONGEST_LIFETIME",
    "checked_cidrs",
    "checked_expiry",
    "checked_key_name",
    "checked_overlap",
    "checked_scopes",
    "no_longer",
    "no_wider",
    "within",
]

LIFETIME = timedelta(days=90)
LONGEST_LIFETIME = timedelta(days=366)
LONGEST_OVERLAP = timedelta(days=7)
MOST_CIDRS = 20
_Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


def checked_key_name(name: str) -> str:
    """Return what a key is called.

    Raises:
        InvalidRequestError: If it cannot be so.
    """
    called = checked_name(name)
    if not called:
        raise _invalid("/name", "format", "must not be empty")
    return called


def checked_scopes(scopes: Iterable[str]) -> frozenset[str]:
    """Return what a key may do.

    Raises:
        InvalidRequestError: If it cannot be so.
    """
    wanted = frozenset(scopes)
    if not wanted:
        raise _invalid("/scopes", "empty", "must name at least one scope")
    if not wanted <= SCOPES:
        raise _invalid("/scopes", "enum", "must be scopes that there are")
    return wanted


def checked_cidrs(cidrs: Iterable[str]) -> tuple[str, ...]:
    """Return the networks that a key works from.

    Raises:
        InvalidRequestError: If it cannot be so.
    """
    several = tuple(cidrs)
    if len(several) > MOST_CIDRS:
        raise _invalid("/cidrs", "too_many", f"must be {MOST_CIDRS} at most")
    try:
        return tuple(str(ipaddress.ip_network(text)) for text in several)
    except ValueError as error:
        raise _invalid(
            "/cidrs", "format", "must be networks, like 192.0.2.0/24"
        ) from error


def no_wider(cidrs: tuple[str, ...], makers: tuple[str, ...]) -> tuple[str, ...]:
    """Return the networks of a key that another makes: those of its maker by default.

    Args:
        cidrs: What was asked for.
        makers: The networks that the maker works from; from anywhere if there is none.

    Raises:
        InvalidRequestError: If it were to work from where its maker does not.
    """
    if not cidrs:
        return makers
    if not within(cidrs, makers):
        raise _invalid(
            "/cidrs", "range", "must lie within the networks of the key that asks"
        )
    return cidrs


def within(cidrs: tuple[str, ...], others: tuple[str, ...]) -> bool:
    """Tell whether networks lie within others; none at all is everywhere."""
    if not cidrs or not others:
        return not others
    wide = [ipaddress.ip_network(text) for text in others]
    return all(_in_one(ipaddress.ip_network(text), wide) for text in cidrs)


def _in_one(network: _Network, wide: Iterable[_Network]) -> bool:
    return any(
        network.version == one.version
        and network.network_address in one
        and network.prefixlen >= one.prefixlen
        for one in wide
    )


def checked_expiry(
    expires_at: datetime | None, by: Principal, now: datetime
) -> datetime:
    """Return until when a key is good.

    Raises:
        InvalidRequestError: If it cannot be so.
    """
    if expires_at is None:
        return no_longer(by, now + LIFETIME)
    if expires_at.tzinfo is None or not now < expires_at <= now + LONGEST_LIFETIME:
        days = LONGEST_LIFETIME.days
        raise _invalid(
            "/expires_at", "range", f"must be in the future, by {days} days at most"
        )
    return no_longer(by, expires_at)


def no_longer(by: Principal, until: datetime) -> datetime:
    """Return a time, but none at which the key that asks is no longer good."""
    return min(until, by.expires_at) if by.key_id else until


def checked_overlap(seconds: float) -> timedelta:
    """Return how long two keys are good together.

    Raises:
        InvalidRequestError: If it cannot be so.
    """
    if not 0 <= seconds <= LONGEST_OVERLAP.total_seconds():
        most = int(LONGEST_OVERLAP.total_seconds())
        raise _invalid("/overlap_seconds", "range", f"must be from 0 to {most}")
    return timedelta(seconds=seconds)


def _invalid(pointer: str, code: str, detail: str) -> InvalidRequestError:
    return InvalidRequestError(
        "the key cannot be made as asked", "", Fault(pointer, code, detail)
    )
