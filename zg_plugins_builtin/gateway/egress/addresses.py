"""Which addresses of the Internet may be called, by tables of our own.

The standard library's `is_global` calls multicast, NAT64, 6to4 and others global,
and changes from one Python to the next. What is judged here is an address, never
a text that some resolver may read in another way.

IPv6 is allowed where addresses are given out (2000::/3), without the blocks that
lead elsewhere; so a network that reaches IPv4 through NAT64 is not served.
"""

from __future__ import annotations

from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
)

__all__ = ["is_loopback", "is_public", "plain"]

_NOT_PUBLIC_4 = tuple(
    IPv4Network(block)
    for block in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # behind a carrier's NAT; a cloud's metadata at .100.200
        "127.0.0.0/8",  # this machine
        "168.63.129.16/32",  # the host of a virtual machine on Azure
        "169.254.0.0/16",  # this link; the metadata of most clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocols' own
        "192.0.2.0/24",  # for documents
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # tunnels of multicast
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # for measurements
        "198.51.100.0/24",  # for documents
        "203.0.113.0/24",  # for documents
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved; broadcast
    )
)
_GIVEN_OUT_6 = IPv6Network("2000::/3")
_NOT_PUBLIC_6 = tuple(
    IPv6Network(block)
    for block in (
        "2001::/23",  # protocols' own: Teredo, ORCHID, measurements
        "2001:db8::/32",  # for documents
        "2002::/16",  # 6to4, which holds any address of IPv4
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # for documents
    )
)
_LOOPBACK_4 = IPv4Network("127.0.0.0/8")
_LOOPBACK_6 = IPv6Address("::1")

Address = IPv4Address | IPv6Address


def plain(text: str) -> Address | None:
    """Return the address a resolver's answer means, or None where it may not be.

    An IPv4 address inside an IPv6 one (``::ffff:…``) is that IPv4 address; one with
    a scope is an interface of this machine, and is none.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return None
        return address.ipv4_mapped or address
    return address


def is_public(address: Address) -> bool:
    """Tell whether an address is one that anybody on the Internet may have."""
    if isinstance(address, IPv4Address):
        return not any(address in block for block in _NOT_PUBLIC_4)
    return address in _GIVEN_OUT_6 and not any(
        address in block for block in _NOT_PUBLIC_6
    )


def is_loopback(address: Address) -> bool:
    """Tell whether an address is this machine itself."""
    if isinstance(address, IPv4Address):
        return address in _LOOPBACK_4
    return address == _LOOPBACK_6
