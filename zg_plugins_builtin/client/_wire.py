"""What a client does outside of itself: requests, waiting, files. Twice, and thin."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol, TypeVar

import anyio
import httpx2
from anyio import to_thread

__all__ = ["AsyncWire", "BlockingWire", "Wire"]

T = TypeVar("T")


class Wire(Protocol):
    """Does I/O for a client."""

    @property
    def http(self) -> httpx2.Client | httpx2.AsyncClient:
        """What makes requests."""
        ...

    async def send(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request; the body of the answer is read, or `events` are."""
        ...

    async def read(self, response: httpx2.Response) -> bytes:
        """Read the body of an answer, and close it."""
        ...

    def events(self, response: httpx2.Response) -> AsyncGenerator[Any, None]:
        """Yield the events of an answer that is a stream, and close it."""
        ...

    def alone(self) -> AbstractAsyncContextManager[None]:
        """Be the only one who does something with the credential."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...

    async def do(self, work: Callable[[], T]) -> T:
        """Do something that blocks."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


class AsyncWire:
    """Does I/O in an event loop.

    Args:
        http: What makes requests.
    """

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self.http = http
        self._lock: anyio.Lock | None = None

    async def send(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request."""
        return await self.http.send(request, stream=True)

    async def read(self, response: httpx2.Response) -> bytes:
        """Read the body of an answer, and close it."""
        try:
            return await response.aread()
        finally:
            await response.aclose()

    async def events(self, response: httpx2.Response) -> AsyncGenerator[Any, None]:
        """Yield the events of an answer that is a stream, and close it."""
        try:
            async for event in httpx2.EventSource(response):
                yield event
        finally:
            with anyio.CancelScope(shield=True):
                await response.aclose()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Be the only one who does something with the credential."""
        self._lock = self._lock or anyio.Lock()
        async with self._lock:
            yield

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await anyio.sleep(seconds)

    async def do(self, work: Callable[[], T]) -> T:
        """Do something that blocks, in a thread."""
        return await to_thread.run_sync(work)

    async def close(self) -> None:
        """Close the connections."""
        await self.http.aclose()


class BlockingWire:
    """Does I/O in the thread that asks. Its coroutines never wait.

    Args:
        http: What makes requests.
    """

    def __init__(self, http: httpx2.Client) -> None:
        self.http = http
        self._lock = threading.Lock()

    async def send(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request."""
        return self.http.send(request, stream=True)

    async def read(self, response: httpx2.Response) -> bytes:
        """Read the body of an answer, and close it."""
        try:
            return response.read()
        finally:
            response.close()

    async def events(self, response: httpx2.Response) -> AsyncGenerator[Any, None]:
        """Yield the events of an answer that is a stream, and close it."""
        try:
            for event in httpx2.EventSource(response):
                yield event
        finally:
            response.close()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Be the only thread that does something with the credential."""
        with self._lock:
            yield

    async def sleep(self, seconds: float) -> None:
        """Block."""
        time.sleep(seconds)

    async def do(self, work: Callable[[], T]) -> T:
        """Do something that blocks."""
        return work()

    async def close(self) -> None:
        """Close the connections."""
        self.http.close()
