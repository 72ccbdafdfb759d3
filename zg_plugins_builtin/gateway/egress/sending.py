"""One way out: requests to addresses that others chose.

A host is resolved once for each request. Every address it has must be allowed, and
the connection is made to one of these: a name that means something else a moment
later (DNS rebinding) is never asked again. The TLS certificate is checked against
the host's name all the same.

There are no proxies, no redirects, no cookies, no passwords of the environment, no
unpacking of what comes back, and no connection that two requests share. It is the
first belt: in production a network that lets only this out is the second.
"""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import aiohttp
import anyio
import yarl
from aiohttp.abc import AbstractResolver, ResolveResult
from anyio.to_thread import run_sync

from ..errors import CallbackForbiddenError, NoAnswerError
from .addresses import Address, plain
from .targets import EgressPolicy, Target, read_url

__all__ = ["Answer", "Egress", "Lookup", "Timeouts"]

_LOOKUPS_AT_ONCE = 16
_SERVICE = "ZeroGravity/1"

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]
"""Finds the addresses of a host, as texts; raises `OSError` where it has none."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a request may take.

    Attributes:
        connect: Seconds until the host is resolved, and again until it is connected.
        total: Seconds until its answer is read.
    """

    connect: float = 5.0
    total: float = 15.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: The HTTP status; one of 3xx is never followed.
        headers: The headers, by their names in small letters.
        body: The body as it was sent, up to the size asked for.
        truncated: Whether there was more.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    truncated: bool


class Egress:
    """Sends requests to where they may go, and nowhere else.

    Args:
        policy: What may be called.
        timeouts: How long each request may take.
        tls: Whose certificates are good; if not given, the system's.
        lookup: Finds addresses; if not given, the system does.
    """

    def __init__(
        self,
        policy: EgressPolicy | None = None,
        *,
        timeouts: Timeouts | None = None,
        tls: ssl.SSLContext | None = None,
        lookup: Lookup | None = None,
    ) -> None:
        self._policy = policy or EgressPolicy()
        self._timeouts = timeouts or Timeouts()
        self._given_tls = tls
        self._lookup = lookup or self._ask_the_system
        self._lookups = anyio.CapacityLimiter(_LOOKUPS_AT_ONCE)

    async def permit(self, url: str, *, domains: frozenset[str] | None = None) -> str:
        """Return a URL in the form it will be sent, if it may be called now.

        Whether its host exists in a private network is not said.

        Args:
            url: The URL.
            domains: If given, only these and what lies under them.

        Raises:
            CallbackForbiddenError: If it may not be called.
        """
        policy = self._for(domains)
        target = read_url(url, policy)
        try:
            with anyio.fail_after(self._timeouts.connect):
                await self._addresses(target, policy)
        except OSError as error:  # a TimeoutError is one
            raise _nowhere() from error
        return target.url

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        most_bytes: int = 65_536,
        domains: frozenset[str] | None = None,
    ) -> Answer:
        """Send a request, and return its answer.

        Args:
            method: The HTTP method.
            url: The URL.
            headers: Headers beside those of the connection.
            content: The body; empty is none.
            most_bytes: How much of the answer's body is read.
            domains: If given, only these and what lies under them may be called.

        Raises:
            CallbackForbiddenError: If the URL may not be called, or its host has
                an address that may not.
            NoAnswerError: If no whole answer came in time.
        """
        policy = self._for(domains)
        target = read_url(url, policy)
        request = _Request(method, headers or {}, content, most_bytes)
        try:
            with anyio.fail_after(self._timeouts.total):
                addresses = await self._resolved(target, policy)
                return await self._exchange(request, target, addresses)
        except TimeoutError as error:
            raise _no_answer("timeout", "took too long") from error
        except (aiohttp.ClientSSLError, ssl.SSLError) as error:
            raise _no_answer("tls", "has no good TLS certificate") from error
        except (aiohttp.ClientError, OSError) as error:
            why = "cannot be reached, or speaks no HTTP"
            raise _no_answer("connection", why) from error

    def _for(self, domains: frozenset[str] | None) -> EgressPolicy:
        if domains is None:
            return self._policy
        return replace(self._policy, domains=domains)

    async def _resolved(
        self, target: Target, policy: EgressPolicy
    ) -> tuple[Address, ...]:
        try:
            with anyio.fail_after(self._timeouts.connect):
                return await self._addresses(target, policy)
        except TimeoutError:
            raise
        except OSError as error:
            raise _no_answer("dns", "is not known") from error

    async def _addresses(
        self, target: Target, policy: EgressPolicy
    ) -> tuple[Address, ...]:
        """Resolve a host once, and return its addresses if all may be called."""
        found = await self._lookup(target.host, target.port)
        if not found:
            raise OSError(errno.ENOENT, "no address")
        addresses = []
        for text in found:
            address = plain(text)
            if address is None or not policy.allows(address, target):
                raise _nowhere()
            addresses.append(address)
        return tuple(dict.fromkeys(addresses))

    async def _ask_the_system(self, host: str, port: int) -> Sequence[str]:
        return await run_sync(
            _look_up, host, port, abandon_on_cancel=True, limiter=self._lookups
        )

    async def _exchange(
        self, request: _Request, target: Target, addresses: Sequence[Address]
    ) -> Answer:
        connector = aiohttp.TCPConnector(
            resolver=_Pinned(target.host, addresses),
            socket_factory=_only(addresses),
            use_dns_cache=False,
            force_close=True,
        )
        async with (
            aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(connect=self._timeouts.connect),
                auto_decompress=False,
                trust_env=False,
            ) as session,
            session.request(
                request.method,
                yarl.URL(target.url, encoded=True),
                data=request.content or None,
                headers={
                    "user-agent": _SERVICE,
                    **request.headers,
                    "accept-encoding": "identity",
                },
                allow_redirects=False,
                ssl=self._tls if target.scheme == "https" else True,
            ) as answer,
        ):
            body, truncated = await _beginning(answer, request.most_bytes)
            said = {name.lower(): value for name, value in answer.headers.items()}
            return Answer(answer.status, said, body, truncated)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return self._given_tls or ssl.create_default_context()


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    headers: Mapping[str, str]
    content: bytes
    most_bytes: int


class _Pinned(AbstractResolver):
    """Knows the addresses of one host, which were judged before."""

    def __init__(self, host: str, addresses: Sequence[Address]) -> None:
        self._host = host
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses, and none for another host."""
        if host != self._host:
            raise OSError(errno.EACCES, "another host than was judged")
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=socket.AF_INET if address.version == 4 else socket.AF_INET6,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._addresses
        ]

    async def close(self) -> None:
        """Do nothing: it holds nothing."""


def _only(
    addresses: Sequence[Address],
) -> Callable[[aiohttp.AddrInfoType], socket.socket]:
    """Return what makes the sockets: for these addresses, whoever asks for others.

    An address in the place of a name never comes to the resolver; it comes here.
    """
    judged = frozenset(addresses)

    def make(info: aiohttp.AddrInfoType) -> socket.socket:
        family, kind, protocol, _, where = info
        if plain(_address_text(where)) not in judged:
            raise OSError(errno.EACCES, "another address than was judged")
        return socket.socket(family, kind, protocol)

    return make


def _look_up(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [_address_text(address) for *_, address in found]


def _address_text(address: Sequence[object]) -> str:
    """Return the text of a socket's address, with its scope if it has one."""
    text = str(address[0])
    scope = address[3] if len(address) == 4 else 0
    return f"{text}%{scope}" if scope and "%" not in text else text


async def _beginning(answer: aiohttp.ClientResponse, most: int) -> tuple[bytes, bool]:
    """Return what an answer says, up to a size, and whether there was more."""
    said = bytearray()
    async for chunk in answer.content.iter_any():
        said += chunk
        if len(said) > most:
            answer.close()
            return bytes(said[:most]), True
    return bytes(said), False


def _nowhere() -> CallbackForbiddenError:
    return CallbackForbiddenError(
        "the host of the URL has no address that may be called",
        "give the https:// address of a host that is reached from the Internet",
    )


def _no_answer(reason: str, why: str) -> NoAnswerError:
    return NoAnswerError(f"the other server {why}", "try again later", reason=reason)
