"""The server: uvicorn with limits that it has not by itself, and an end that comes."""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import cast

import uvicorn
from fastapi import FastAPI
from uvicorn.server import HANDLED_SIGNALS

from .http.services import Services
from .protocol import ConnectionLimits, GuardedProtocol, Peers

__all__ = ["Server", "ServerSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """Where the server listens, and how patient it is.

    Args:
        host: The address to listen on.
        port: The port; 0 is any that is free.
        connections: How much and how long a client may send.
        shutdown_seconds: How long the end may take while requests are answered.
        certificate: The file of the certificate; without one it speaks no TLS.
        private_key: The file of its key.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    connections: ConnectionLimits = field(default_factory=ConnectionLimits)
    shutdown_seconds: int = 20
    certificate: str | None = None
    private_key: str | None = None


class Server(uvicorn.Server):
    """Serves an application until SIGTERM or SIGINT.

    ``await server.serve()`` comes back when it has ended, so that whoever serves can
    close what the application worked with.

    Args:
        app: The application.
        services: What it works with.
        settings: Where and how.
    """

    def __init__(
        self, app: FastAPI, services: Services, settings: ServerSettings
    ) -> None:
        self._stopping = services.stopping
        peers = Peers(settings.connections, services.settings.trusted_proxies)
        protocol = partial(GuardedProtocol, limits=settings.connections, peers=peers)
        super().__init__(
            uvicorn.Config(
                app,
                host=settings.host,
                port=settings.port,
                # Uvicorn calls it as it would call the class.
                http=cast("type[GuardedProtocol]", protocol),
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                # The application does it, for the proxies that its operator trusts.
                proxy_headers=False,
                timeout_graceful_shutdown=settings.shutdown_seconds,
                ssl_certfile=settings.certificate,
                ssl_keyfile=settings.private_key,
            )
        )

    @property
    def address(self) -> tuple[str, int]:
        """The host and the port that it listens on, once it does."""
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        return host, port

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End: tell the streams, then wait for them, for a while."""
        self._stopping.begin()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End on a signal. Uvicorn sends it to itself again, and would die of it."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {s: signal.signal(s, self.handle_exit) for s in HANDLED_SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
