"""HTTP/1.1 by hand, so that the load costs less than what it loads."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Answer", "Connection", "Load", "quantile"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered."""

    status: int
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


class Connection:
    """A connection that is kept, for one request after the other.

    Args:
        port: The port of 127.0.0.1.
        credential: What stands after ``Authorization: Bearer``.
    """

    def __init__(self, port: int, credential: str = "") -> None:
        self._port = port
        self._bearer = f"Authorization: Bearer {credential}\r\n" if credential else ""
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(
        self, method: str, path: str, sent: Any = None, headers: str = ""
    ) -> Answer:
        """Send a request, and return the answer; again if it was just closed."""
        fresh = self._writer is None
        try:
            reader = await self._send(method, path, sent, headers)
            return await self._answer(reader)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.close()
            if fresh or method != "GET":
                raise
            return await self.ask(method, path, sent, headers)

    async def follow(
        self, path: str, headers: str = ""
    ) -> AsyncIterator[tuple[str, str, str]]:
        """Yield the events of a stream: id, type and data of each.

        Raises:
            ConnectionError: If it is refused.
        """
        accept = f"Accept: text/event-stream\r\n{headers}"
        reader = await self._send("GET", path, None, accept)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise ConnectionError(head.partition(b"\r\n")[0].decode())
        text = ""
        while size := int(await reader.readline(), 16):
            chunk = await reader.readexactly(size + 2)
            text += chunk[:-2].decode()
            *whole, text = text.split("\n\n")
            for event in whole:
                named = dict(line.partition(": ")[::2] for line in event.split("\n"))
                yield named.get("id", ""), named.get("event", ""), named.get("data", "")
        self.close()

    def close(self) -> None:
        """Let it go."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None

    async def _send(
        self, method: str, path: str, sent: Any, headers: str
    ) -> asyncio.StreamReader:
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(
                "127.0.0.1", self._port
            )
        body = b"" if sent is None else json.dumps(sent).encode()
        if body:
            headers += "Content-Type: application/json\r\n"
            headers += f"Content-Length: {len(body)}\r\n"
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{self._bearer}{headers}"
        self._writer.write(head.encode() + b"\r\n" + body)
        assert self._reader is not None
        return self._reader

    async def _answer(self, reader: asyncio.StreamReader) -> Answer:
        head = await reader.readuntil(b"\r\n\r\n")
        lowered = head.lower()
        _, found, after = lowered.partition(b"content-length:")
        length = int(after.partition(b"\r\n")[0]) if found else 0
        body = await reader.readexactly(length) if length else b""
        if b"connection: close" in lowered:
            self.close()
        return Answer(int(head[9:12]), body)


@dataclass(slots=True)
class Load:
    """What came of a load.

    Attributes:
        seconds: How long each request took.
        statuses: How many answers there were of each status.
        wall: How long all of it took.
    """

    seconds: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    wall: float = 0.0

    async def timed(self, asked: Awaitable[Answer]) -> Answer:
        """Count an answer, and how long it took."""
        began = time.perf_counter()
        answer = await asked
        self.seconds.append(time.perf_counter() - began)
        self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
        return answer

    async def closed(
        self,
        connections: list[Connection],
        count: int,
        work: Callable[[Connection, int], Awaitable[Answer]],
    ) -> None:
        """Do something so often, on as many connections as there are at once.

        Args:
            connections: The connections.
            count: How often.
            work: What is done, with its number.
        """
        numbers = iter(range(count))

        async def one(connection: Connection) -> None:
            for number in numbers:
                await self.timed(work(connection, number))

        began = time.perf_counter()
        await asyncio.gather(*(one(connection) for connection in connections))
        self.wall = time.perf_counter() - began


def quantile(values: list[float], share: float) -> float:
    """Return the value below which a share of them lies."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]
