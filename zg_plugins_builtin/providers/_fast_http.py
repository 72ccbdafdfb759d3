"""An httpx2 client that sends through aiohttp, at a third of the cost.

The vendors' packages stand on httpx2 and take a client of one's own; they go on to
own addresses, credentials, headers and error classes. What is replaced is what
costs: building requests, and httpx2's pool, which looks at every connection for
each request. Both matter when a thousand runs go at once.

Redirects are not followed: an API that redirects is asked at the wrong address, and
following would hand the key to another one.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx2
import yarl

__all__ = ["FastClient"]

_OURS = frozenset(
    ("host", "content-length", "transfer-encoding", "connection", "accept-encoding")
)
"""Request headers that aiohttp writes itself, as it alone knows what it can do."""
_UNPACKED = frozenset((b"content-encoding", b"content-length", b"transfer-encoding"))
"""Response headers that are no longer true, since aiohttp decompresses."""
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class FastClient(httpx2.AsyncClient):
    """An `httpx2.AsyncClient` whose plain requests take the short way."""

    def __init__(self) -> None:
        self._sender = _Sender()
        super().__init__(transport=self._sender)
        self._url = lru_cache(maxsize=64)(httpx2.URL)

    def build_request(
        self, method: str, url: httpx2.URL | str, **options: Any
    ) -> httpx2.Request:
        """Make a request; one of bytes and headers alone without ceremony."""
        plain = {name: value for name, value in options.items() if value}
        if plain.keys() != {"content", "headers", "timeout"}:
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
        if stream:
            return await self._sender.handle_async_request(request)
        answer = await self._sender.exchange(request)
        with _in_httpx_words(request, httpx2.ReadError):
            content = await answer.read()
        return _response(answer, request, content=content)


class _Sender(httpx2.AsyncBaseTransport):
    """One session for all requests, made on the event loop that sends the first."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._route = lru_cache(maxsize=64)(_route)
        self._tls: ssl.SSLContext | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        answer = await self.exchange(request)
        return _response(answer, request, stream=_Body(answer, request))

    async def exchange(self, request: httpx2.Request) -> aiohttp.ClientResponse:
        """Send a request, and return its answer as soon as it begins."""
        url, proxy = self._route(request.url)
        with _in_httpx_words(request, httpx2.RemoteProtocolError):
            return await self._open().request(
                request.method,
                url,
                data=await request.aread(),
                headers=[
                    (name, value)
                    for name, value in request.headers.multi_items()
                    if name not in _OURS
                ],
                timeout=_timeout(**request.extensions["timeout"]),
                allow_redirects=False,
                proxy=proxy,
                ssl=self._context() if url.scheme == "https" else True,
            )

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),  # the engine sets the limits
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:  # takes 20 ms, and servers on this machine need none
            self._tls = httpx2.create_ssl_context()
        return self._tls


def _response(
    answer: aiohttp.ClientResponse, request: httpx2.Request, **body: Any
) -> httpx2.Response:
    headers = [item for item in answer.raw_headers if item[0].lower() not in _UNPACKED]
    return httpx2.Response(answer.status, headers=headers, request=request, **body)


class _Body(httpx2.AsyncByteStream):
    """What an answer says; closing it before its end closes the connection."""

    def __init__(self, answer: aiohttp.ClientResponse, request: httpx2.Request) -> None:
        self._answer = answer
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _in_httpx_words(self._request, httpx2.ReadError):
            async for chunk in self._answer.content.iter_any():
                yield chunk

    async def aclose(self) -> None:
        self._answer.close()  # a no-op where the connection was given back


def _route(url: httpx2.URL) -> tuple[yarl.URL, str | None]:
    """Return where to send to and through which proxy, by the environment.

    A name and password in the address give way to the key in the headers.
    """
    target = yarl.URL(str(url.copy_with(userinfo=b"")), encoded=True)
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
    connect: float | None, read: float | None, **_: float | None
) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, connect=connect, sock_read=read)


@contextmanager
def _in_httpx_words(
    request: httpx2.Request, otherwise: type[httpx2.TransportError]
) -> Iterator[None]:
    """Turn aiohttp's errors into httpx2's, which the vendors' packages know."""
    try:
        yield
    except aiohttp.ConnectionTimeoutError as error:
        raise httpx2.ConnectTimeout(str(error), request=request) from error
    except TimeoutError as error:
        raise httpx2.ReadTimeout(str(error), request=request) from error
    except aiohttp.ClientConnectorError as error:
        raise httpx2.ConnectError(_reason(error), request=request) from error
    except (aiohttp.ClientError, OSError) as error:
        raise otherwise(str(error), request=request) from error


def _reason(error: aiohttp.ClientConnectorError) -> str:
    """Return why there is no connection, in the system's words."""
    cause = error.__cause__
    if isinstance(cause, ConnectionError) and cause.errno:
        return os.strerror(cause.errno)
    return str(cause or error)
