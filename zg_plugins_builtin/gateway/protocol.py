"""Connections: how much and how long a client may send before it is cut off."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address, ip_network
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from .clock import SystemClock
from .errors import (
    BadRequestError,
    GatewayError,
    HeadersTooLargeError,
    RequestTimeoutError,
)
from .http.openai import shape
from .http.problems import told
from .http.rates import Rate, RateExceededError, RateLimits
from .http.response_headers import ALWAYS
from .ids import new_id

__all__ = ["ConnectionLimits", "GuardedProtocol", "Peers"]

_NEW = "connection"
# Bytes that may come around each byte of a body, as the framing of its chunks.
_FRAMING = 8
_PATH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """How much and how long a client may send.

    Args:
        head: The longest request line with its headers, in bytes.
        receive_seconds: How long a request may take to arrive, headers and body.
        connections: How many connections one address may have; `None` is any number.
        new_connections: How many it may begin in a second; `None` is any number.
    """

    head: int = 32 * 1024
    receive_seconds: float = 10
    connections: int | None = 100
    new_connections: int | None = 20


class Peers:
    """Counts the connections of each address.

    Args:
        limits: How many there may be.
        trusted_proxies: Addresses and networks that may have any number.
    """

    def __init__(
        self, limits: ConnectionLimits, trusted_proxies: Iterable[str]
    ) -> None:
        self._most = limits.connections
        self._trusted = [ip_network(proxy) for proxy in trusted_proxies]
        self._open: Counter[str] = Counter()
        new = limits.new_connections
        self._new = RateLimits([Rate(_NEW, new, 1)]) if new else None

    def enter(self, address: str) -> bool:
        """Count a connection, and return whether there may be one more."""
        if self._trusts(address):
            return True
        if self._most is not None and self._open[address] >= self._most:
            return False
        try:
            if self._new is not None:
                self._new.take(_NEW, address)
        except RateExceededError:
            return False
        self._open[address] += 1
        return True

    def leave(self, address: str) -> None:
        """Count a connection no longer, which was let in before."""
        if self._open[address] > 1:
            self._open[address] -= 1
        else:
            del self._open[address]

    def _trusts(self, address: str) -> bool:
        try:
            known = ip_address(address)
        except ValueError:
            return False
        return any(known in network for network in self._trusted)


class _TooLargeError(Exception):
    """The headers are too long: it ends a callback of the parser."""


class GuardedProtocol(HttpToolsProtocol):
    """Uvicorn's connection, which ends when too much comes, or too slowly.

    Args:
        config: Uvicorn's.
        server_state: Uvicorn's.
        app_state: Uvicorn's.
        _loop: The loop; by default the running one.
        limits: How much and how long.
        peers: Who is connected.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        limits: ConnectionLimits,
        peers: Peers,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._limits = limits
        self._peers = peers
        self._peer: str | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self.url = b""
        self.headers = []
        self._heard = False
        self._in_message = False
        self._in_head = True
        # Bytes that came and were neither a whole head nor a body.
        self._beside_body = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Let a client in, and begin to wait for its request."""
        super().connection_made(transport)
        address = self.client[0] if self.client else ""
        if self._peers.enter(address):
            self._peer = address
            self._expect()
        else:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a client."""
        self._expect_no_longer()
        if self._peer is not None:
            self._peers.leave(self._peer)
            self._peer = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, unless there is too much that is no body."""
        if self.transport.is_closing():
            return
        self._heard = True
        self._expect()
        self._beside_body = len(data) + self._beside_body * self._in_message
        super().data_received(data)
        if self._beside_body > self._limits.head:
            self._refuse(_too_large())

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._in_message = self._in_head = True
        self._expect()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; those after the body are nobody's, and are dropped."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin to answer, unless the headers were too long."""
        self._in_head = False
        size = self._head_size()
        if size > self._limits.head:
            raise _TooLargeError
        self._beside_body -= size
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body, which pays for what came around it."""
        paid = len(body) * (1 + _FRAMING)
        self._beside_body = max(self._beside_body - paid, 0)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Have the whole request."""
        self._in_message = False
        self._expect_no_longer()
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Say that a request could not be read."""
        if self._head_size() > self._limits.head:
            self._refuse(_too_large())
        else:
            self._refuse(
                BadRequestError(
                    "this is no request of HTTP/1.1", "check how it is made"
                )
            )

    def _head_size(self) -> int:
        lines = sum(len(name) + len(value) + 4 for name, value in self.headers)
        return len(self.url) + lines

    def _expect(self) -> None:
        if self._deadline is None:
            seconds = self._limits.receive_seconds
            self._deadline = self.loop.call_later(seconds, self._too_slow)

    def _expect_no_longer(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        seconds = self._limits.receive_seconds
        self._refuse(
            RequestTimeoutError(
                f"the request did not arrive within {seconds:g} s", "send it again"
            )
        )

    def _refuse(self, error: GatewayError) -> None:
        if self.transport.is_closing():
            return
        cycle = self.cycle
        answering = cycle is not None and not cycle.response_complete
        if self._heard and not (answering and cycle.response_started):
            self.transport.write(_raw(error, self.url))
        if answering:
            # Whatever still answers has nobody to answer to.
            cycle.disconnected = True
            cycle.message_event.set()
        self.transport.close()


def _too_large() -> HeadersTooLargeError:
    return HeadersTooLargeError("the headers are too long", "send fewer, or shorter")


def _raw(error: GatewayError, url: bytes) -> bytes:
    request = new_id("req", SystemClock().now())
    path = url[:_PATH].decode("ascii", errors="replace")
    place = path if shape.speaks(path) else ""
    status, media_type, said = told(error, instance=place, request=request)
    body = json.dumps(said).encode()
    headers = {
        **ALWAYS,
        "x-request-id": request,
        "content-type": media_type,
        "content-length": str(len(body)),
        "connection": "close",
    }
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body
