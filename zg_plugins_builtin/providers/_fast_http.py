"""An httpx2 client that sends through aiohttp, at a third of the cost.

The vendors' packages stand on httpx2 and take a client of one's own; they go on to
own addresses, credentials, headers and error classes. What is replaced is what
costs: building requests, and httpx2's pool, which looks at every connection for
each request. Both matter when a thousand runs go at once.

Redirects are not followed: an API that redirects is asked at the wrong address, and
following would hand the key to another one.

An answer has a deadline and a size. Its timeout is how long a whole answer may
take; of a stream, how long its head and each pause may, and a multiple of it all.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NoReturn
from urllib.request import getproxies, proxy_bypass

import aiohttp
import anyio
import httpx2
import yarl
from aiohttp.http_exceptions import ContentEncodingError

__all__ = ["MOST_BYTES", "STREAM_TIMEOUTS", "FastClient", "Head", "Read"]

MOST_BYTES = 64 * 2**20
"""The most an answer may say, unpacked; far more than any model writes."""
STREAM_TIMEOUTS = 6
"""How many times its timeout a stream may take in all."""
_MOST_OF_AN_ERROR = 2**18

_OURS = frozenset(
    ("host", "content-length", "transfer-encoding", "connection", "accept-encoding")
)
"""Request headers that aiohttp writes itself, as it alone knows what it can do."""
_UNPACKED = frozenset((b"content-encoding", b"content-length", b"transfer-encoding"))
"""Response headers that are no longer true, since aiohttp decompresses."""
_PLAIN = {"content", "headers", "timeout"}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class FastClient(httpx2.AsyncClient):
    """An `httpx2.AsyncClient` whose plain requests take the short way.

    Args:
        key: What no header of an answer may repeat: the packages log them.
        headers: All that a request has, whatever a package puts there; by default
            what it puts there.
    """

    def __init__(self, key: str = "", headers: Mapping[str, str] | None = None) -> None:
        self._sender = _Sender(key.encode() or None, headers)
        super().__init__(transport=self._sender)
        self._url = lru_cache(maxsize=64)(httpx2.URL)

    def build_request(
        self, method: str, url: httpx2.URL | str, **options: Any
    ) -> httpx2.Request:
        """Make a request; one of bytes and headers alone without ceremony."""
        plain = {name: value for name, value in options.items() if value}
        if plain.keys() != _PLAIN:
            return super().build_request(method, url, **options)
        timeout = httpx2.Timeout(plain.pop("timeout")).as_dict()
        return httpx2.Request(
            method, self._url(str(url)), extensions={"timeout": timeout}, **plain
        )

    async def send(
        self, request: httpx2.Request, *, stream: bool = False, **options: Any
    ) -> httpx2.Response:
        """Send a request; one with an authentication flow goes the long way."""
        if options or self.is_closed:
            return await super().send(request, stream=stream, **options)
        content = await request.aread()
        return await self.send_again(self.head_of(request), content, stream=stream)

    def head_of(self, request: httpx2.Request) -> Head:
        """Return all of a request but its content, to be sent again."""
        return self._sender.head_of(request)

    async def send_again(
        self, head: Head, content: bytes, *, stream: bool
    ) -> httpx2.Response:
        """Send a request that was made before, with other content."""
        answer = await self._sender.exchange(head, content, stream=stream)
        request = head.request
        if not _is_success(answer):
            return await self._refusal(answer, request)
        if stream:
            return self._sender.response(answer, request, stream=_Body(answer, request))
        said = await _whole(answer, request)
        return self._sender.response(answer, request, content=said)

    async def read_again(self, head: Head, content: bytes) -> Read | httpx2.Response:
        """Send a request that was made before, and read all of its answer.

        Returns:
            The answer; in httpx2's words if it refuses.
        """
        answer = await self._sender.exchange(head, content, stream=False)
        if not _is_success(answer):
            return await self._refusal(answer, head.request)
        said = await _whole(answer, head.request)
        return Read(self._sender.headers(answer), said)

    async def _refusal(
        self, answer: aiohttp.ClientResponse, request: httpx2.Request
    ) -> httpx2.Response:
        said = await _beginning(answer)
        refusal = self._sender.response(answer, request, content=said)
        try:
            _ = refusal.text  # which the packages read
        except (AssertionError, LookupError, TypeError, ValueError):
            # The codec that it names is none of text, or fails even if it may replace.
            refusal.encoding = "utf-8"
        return refusal


@dataclass(frozen=True, slots=True)
class Read:
    """What is needed of an answer that says what was asked for.

    httpx2's own record of it takes a quarter as long to make as the exchange.
    """

    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """All of a request but its content, ready to be sent."""

    request: httpx2.Request
    url: yarl.URL
    proxy: str | None
    headers: list[tuple[str, str]]


class _Sender(httpx2.AsyncBaseTransport):
    """One session for all requests of an event loop, made when it sends the first."""

    def __init__(self, key: bytes | None, only: Mapping[str, str] | None) -> None:
        self._key = key
        self._only = only
        self._sessions: dict[asyncio.AbstractEventLoop, aiohttp.ClientSession] = {}
        self._route = lru_cache(maxsize=64)(_route)
        self._tls: ssl.SSLContext | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        content = await request.aread()
        answer = await self.exchange(self.head_of(request), content, stream=True)
        return self.response(answer, request, stream=_Body(answer, request))

    def response(
        self, answer: aiohttp.ClientResponse, request: httpx2.Request, **body: Any
    ) -> httpx2.Response:
        """Return an answer in httpx2's words."""
        headers = [
            (name, value)
            for name, value in self._told(answer)
            if name.lower() not in _UNPACKED
        ]
        return httpx2.Response(answer.status, headers=headers, request=request, **body)

    def headers(self, answer: aiohttp.ClientResponse) -> Mapping[str, str]:
        """Return the headers of an answer, by their names in any case."""
        told = self._told(answer)
        if told is answer.raw_headers and all(value.isascii() for _, value in told):
            return answer.headers
        return httpx2.Headers(list(told))  # which finds out what text they are

    def _told(self, answer: aiohttp.ClientResponse) -> Sequence[tuple[bytes, bytes]]:
        """Return the headers of an answer, without the key."""
        headers, key = answer.raw_headers, self._key
        if key is None or not any(key in value for _, value in headers):
            return headers
        return [(name, value.replace(key, b"[key]")) for name, value in headers]

    def head_of(self, request: httpx2.Request) -> Head:
        """Return all of a request but its content."""
        url, proxy = self._route(request.url)
        told = request.headers if self._only is None else httpx2.Headers(self._only)
        headers = [h for h in told.multi_items() if h[0] not in _OURS]
        return Head(request, url, proxy, headers)

    async def exchange(
        self, head: Head, content: bytes, *, stream: bool
    ) -> aiohttp.ClientResponse:
        """Send a request, and return its answer as soon as it begins."""
        timeouts = head.request.extensions["timeout"]
        connect, read = timeouts["connect"], timeouts["read"]
        timeout = _timeout(connect, read, stream=stream)
        try:
            if not stream:
                return await self._begun(head, content, timeout)
            with anyio.fail_after(read):  # its total is far longer
                return await self._begun(head, content, timeout)
        except (aiohttp.ClientError, OSError) as error:
            _raise(error, head.request, httpx2.RemoteProtocolError)

    async def _begun(
        self, head: Head, content: bytes, timeout: aiohttp.ClientTimeout
    ) -> aiohttp.ClientResponse:
        session = self._sessions.get(asyncio.get_running_loop())
        return await (session or await self._open()).request(
            head.request.method,
            head.url,
            data=content,
            headers=head.headers,
            timeout=timeout,
            allow_redirects=False,
            proxy=head.proxy,
            ssl=self._context() if head.url.scheme == "https" else True,
        )

    async def aclose(self) -> None:
        """Close what can be closed here: a loop that runs elsewhere owns its own."""
        here = asyncio.get_running_loop()
        for loop in [loop for loop in self._sessions if loop.is_closed()] + [here]:
            if session := self._sessions.pop(loop, None):
                await session.close()

    async def _open(self) -> aiohttp.ClientSession:
        await self.aclose()  # what loops have left that are no more
        session = self._sessions[asyncio.get_running_loop()] = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),  # the engine sets the limits
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return session

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:  # takes 20 ms, and servers on this machine need none
            self._tls = httpx2.create_ssl_context()
        return self._tls


def _is_success(answer: aiohttp.ClientResponse) -> bool:
    return 200 <= answer.status < 300


async def _whole(answer: aiohttp.ClientResponse, request: httpx2.Request) -> bytes:
    body = _Body(answer, request)
    try:
        return b"".join([chunk async for chunk in body])
    except BaseException:
        await body.aclose()
        raise


async def _beginning(answer: aiohttp.ClientResponse) -> bytes:
    """Return what can be had of an error's document; its status says enough."""
    said = bytearray()
    try:
        with suppress(aiohttp.ClientError, OSError):
            async for chunk in answer.content.iter_any():
                said += chunk
                if len(said) > _MOST_OF_AN_ERROR:
                    break
    finally:
        answer.close()  # a no-op where the connection was given back
    return bytes(said)


class _Body(httpx2.AsyncByteStream):
    """What an answer says; closing it before its end closes the connection."""

    def __init__(self, answer: aiohttp.ClientResponse, request: httpx2.Request) -> None:
        self._answer = answer
        self._request = request
        self._room = MOST_BYTES

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk = await self._answer.content.readany()
        except (aiohttp.ClientError, OSError) as error:
            _raise(error, self._request, httpx2.ReadError)
        if not chunk:
            raise StopAsyncIteration
        self._room -= len(chunk)
        if self._room < 0:
            why = f"it is longer than {MOST_BYTES >> 20} MB"
            raise httpx2.DecodingError(why, request=self._request)
        return chunk

    async def aclose(self) -> None:
        self._answer.close()  # a no-op where the connection was given back


def _route(url: httpx2.URL) -> tuple[yarl.URL, str | None]:
    """Return where to send to and through which proxy, by the environment."""
    target = yarl.URL(str(url), encoded=True)
    if url.host in _LOOPBACK or proxy_bypass(url.host):
        return target, None
    proxies = getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    if proxy and not proxy.startswith(("http://", "https://")):
        kind = proxy.partition("://")[0]
        raise httpx2.UnsupportedProtocol(f"a proxy of kind {kind!r} cannot be used")
    return target, proxy


@lru_cache(maxsize=64)
def _timeout(
    connect: float | None, read: float | None, *, stream: bool
) -> aiohttp.ClientTimeout:
    if not stream or read is None:
        return aiohttp.ClientTimeout(total=read, connect=connect)
    total = read * STREAM_TIMEOUTS
    return aiohttp.ClientTimeout(total=total, connect=connect, sock_read=read)


def _raise(
    error: aiohttp.ClientError | OSError,
    request: httpx2.Request,
    otherwise: type[httpx2.TransportError],
) -> NoReturn:
    """Raise one of aiohttp's errors as httpx2's, which the vendors' packages know."""
    match error:
        case aiohttp.ConnectionTimeoutError():
            raise httpx2.ConnectTimeout(str(error), request=request) from error
        case TimeoutError():
            raise httpx2.ReadTimeout(str(error), request=request) from error
        case aiohttp.ClientConnectorError():
            raise httpx2.ConnectError(_reason(error), request=request) from error
        case aiohttp.ClientHttpProxyError():  # whose text repeats its password
            why = f"the proxy answers {error.status} {error.message}"
            raise httpx2.ProxyError(why, request=request) from None
        case aiohttp.ClientResponseError():  # which only its parser raises here
            raise httpx2.DecodingError("it is no HTTP", request=request) from error
        case aiohttp.ClientPayloadError(__cause__=ContentEncodingError()):
            why = "it cannot be unpacked"
            raise httpx2.DecodingError(why, request=request) from error
    raise otherwise(str(error), request=request) from error


def _reason(error: aiohttp.ClientConnectorError) -> str:
    """Return why there is no connection, in the system's words."""
    cause = error.__cause__
    if isinstance(cause, ConnectionError) and cause.errno:
        return os.strerror(cause.errno)
    return str(cause or error)
