"""What a URL must look like to be called at all.

A URL is taken apart once, by rules narrower than any parser's, and put together
again from the parts that were judged: what is sent is what was read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NoReturn
from urllib.parse import quote

import idna

from ..errors import CallbackForbiddenError
from .addresses import Address, is_loopback, is_public

__all__ = ["EgressPolicy", "Target", "read_url"]

_LONGEST_URL = 2048
_LONGEST_HOST = 253
_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?]+)"
    r"(?P<path>/[^?]*)?(?P<query>\?.*)?"
)
_AUTHORITY = re.compile(
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::(?P<port>[0-9]{1,5}))?"
)
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\xa0\\\ud800-\udfff]")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_STANDARD = {"https": 443, "http": 80}
_KEPT = "/?:@!$&'()*+,;=-._~%[]|^`{}\""
_NEVER_PUBLIC = (
    "localhost",
    "local",
    "localdomain",
    "internal",
    "intranet",
    "lan",
    "home.arpa",
    "in-addr.arpa",
    "ip6.arpa",
    "onion",
    "invalid",
    "test",
    "alt",
)
"""Names that no public resolver answers, whatever one of this network says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressPolicy:
    """What may be called.

    Attributes:
        insecure_loopback: Also allow this machine itself, over plain HTTP and at
            any port: for development. Such a URL must lead to this machine only.
        literals: Also allow an address in the place of a host's name.
        ports: The ports of hosts that are not this machine.
        domains: If given, only these and what lies under them.
    """

    insecure_loopback: bool = False
    literals: bool = False
    ports: frozenset[int] = frozenset((443, 8443))
    domains: frozenset[str] | None = None

    def allows(self, address: Address, target: Target) -> bool:
        """Tell whether an address may be connected to for a target."""
        if self.insecure_loopback and is_loopback(address):
            return True
        return is_public(address) and not target.loopback_only


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL leads.

    Attributes:
        url: The URL as it is sent.
        scheme: ``https``, or ``http`` to this machine.
        host: The host's name in ASCII, or its address without brackets.
        port: The port.
        loopback_only: Whether it is allowed to this machine only.
    """

    url: str
    scheme: str
    host: str
    port: int
    loopback_only: bool


def read_url(text: str, policy: EgressPolicy) -> Target:
    """Judge a URL by its text, and return where it leads.

    Raises:
        CallbackForbiddenError: If it may not be called, whatever its host's
            addresses are.
    """
    if len(text) > _LONGEST_URL:
        _refuse(f"is longer than {_LONGEST_URL:,} characters")
    if _UNPRINTABLE.search(text):
        _refuse("has a character that no URL has")
    if "#" in text:
        _refuse("has a fragment")
    parts = _URL.fullmatch(text)
    if parts is None:
        _refuse("is none")
    if "@" in parts["authority"]:
        _refuse("has a user's name or password")
    authority = _AUTHORITY.fullmatch(parts["authority"])
    if authority is None:
        _refuse("has no host that can be read")
    scheme = parts["scheme"].lower()
    if scheme not in _STANDARD:
        _refuse("does not begin with https://")
    host = _host(authority["host"])
    port = int(authority["port"] or _STANDARD[scheme])
    loopback_only = _only_to_this_machine(scheme, host, port, policy)
    _check_host(host, policy, loopback_only=loopback_only)
    return Target(
        _together(scheme, host, port, parts["path"], parts["query"]),
        scheme,
        host,
        port,
        loopback_only,
    )


def _host(text: str) -> str:
    """Return a host as it is resolved: an address, or a name in ASCII."""
    if text.startswith("["):
        try:
            return str(IPv6Address(text[1:-1]))
        except ValueError:
            _refuse("has no host that can be read")
    try:
        name = idna.encode(text, uts46=True, std3_rules=True).decode()
    except UnicodeError:  # what idna raises
        _refuse("has no host that can be read")
    name = name.removesuffix(".").lower()
    if len(name) > _LONGEST_HOST:
        _refuse("has no host that can be read")
    if not _NUMBER.fullmatch(name.rpartition(".")[2]):
        return name
    try:  # resolvers read numbers in many ways, of which we know one
        return str(IPv4Address(name))
    except ValueError:
        _refuse("has a number in the place of its host")


def _only_to_this_machine(
    scheme: str, host: str, port: int, policy: EgressPolicy
) -> bool:
    """Tell whether a URL needs what is allowed in development only."""
    usual = scheme == "https" and port in policy.ports
    if policy.insecure_loopback:
        return not usual or host == "localhost" or _is_literal_loopback(host)
    if scheme != "https":
        _refuse("does not begin with https://")
    if not usual:
        allowed = ", ".join(map(str, sorted(policy.ports)))
        _refuse(f"has another port than {allowed}")
    return False


def _check_host(host: str, policy: EgressPolicy, *, loopback_only: bool) -> None:
    literal = _address(host)
    if literal is not None:
        allowed = policy.literals or (loopback_only and is_loopback(literal))
        if not allowed:
            _refuse("has an address in the place of its host's name")
    elif not loopback_only and (
        "." not in host or any(_lies_under(host, name) for name in _NEVER_PUBLIC)
    ):
        _refuse("has a host of a private network")
    if (
        policy.domains is not None
        and not loopback_only
        and not any(_lies_under(host, domain) for domain in policy.domains)
    ):
        _refuse("has a host that is not on the list of allowed domains")


def _lies_under(host: str, domain: str) -> bool:
    return host == domain or host.endswith(f".{domain}")


def _address(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _is_literal_loopback(host: str) -> bool:
    address = _address(host)
    return address is not None and is_loopback(address)


def _together(
    scheme: str, host: str, port: int, path: str | None, query: str | None
) -> str:
    shown = f"[{host}]" if ":" in host else host
    place = shown if port == _STANDARD[scheme] else f"{shown}:{port}"
    return quote(f"{scheme}://{place}{path or '/'}{query or ''}", safe=_KEPT)


def _refuse(why: str) -> NoReturn:
    raise CallbackForbiddenError(
        f"the URL {why}",
        "give the https:// address of a host that is reached from the Internet",
    )
