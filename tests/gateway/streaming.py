"""Clients of streams that read, stop reading and leave when they are told to."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio

__all__ = ["Reader", "eventually", "parsed", "reading"]


def parsed(text: str) -> list[dict[str, Any]]:
    """Return the events of a stream."""
    found = []
    for block in text.strip().split("\n\n"):
        lines = [line.partition(": ") for line in block.splitlines()]
        fields = {name: value for name, _, value in lines if name}
        if "data" in fields:
            found.append(fields)
    return found


class Reader:
    """Asks an application for the stream of a job.

    Args:
        app: The application.
        job_id: The job.
        after: The event after which it goes on.
        who: Who asks.

    Attributes:
        reads: Whether it takes what comes; until then whoever sends waits.
        parts: What came, as it came.
        ended: Whether the answer is whole.
    """

    def __init__(
        self, app: Any, job_id: str, *, after: int = 0, who: str = "ada"
    ) -> None:
        self._app = app
        self._path = f"/api/v1/job/{job_id}/events"
        self._after = after
        self._who = who
        self._left = anyio.Event()
        self.reads = anyio.Event()
        self.reads.set()
        self.parts: list[bytes] = []
        self.ended = False

    @property
    def text(self) -> str:
        return b"".join(self.parts).decode()

    @property
    def numbers(self) -> list[int]:
        """The numbers of the events that came, in order."""
        return [int(event["id"]) for event in parsed(self.text) if "id" in event]

    @property
    def told(self) -> list[tuple[str, Any]]:
        """The type and the data of what came."""
        events = parsed(self.text)
        return [(event["event"], json.loads(event["data"])) for event in events]

    def leave(self) -> None:
        """Close the connection."""
        self._left.set()

    async def run(self) -> None:
        headers = [
            (b"host", b"localhost"),
            (b"accept", b"text/event-stream"),
            (b"authorization", f"Bearer {self._who}".encode()),
        ]
        if self._after:
            headers.append((b"last-event-id", str(self._after).encode()))
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": self._path,
            "raw_path": self._path.encode(),
            "root_path": "",
            "query_string": b"",
            "headers": headers,
            "client": ("192.0.2.7", 4711),
            "server": ("localhost", 80),
        }
        await self._app(scope, self._receive(), self._send)

    def _receive(self) -> Callable[[], Any]:
        messages = iter([{"type": "http.request", "body": b"", "more_body": False}])

        async def receive() -> dict[str, Any]:
            for message in messages:
                return message
            await self._left.wait()
            return {"type": "http.disconnect"}

        return receive

    async def _send(self, message: dict[str, Any]) -> None:
        await self.reads.wait()
        if message["type"] == "http.response.body":
            self.parts.append(message["body"])
            self.ended = not message["more_body"]


@asynccontextmanager
async def reading(*readers: Reader) -> AsyncGenerator[None, None]:
    """Have readers ask, until they have all of it, or are ended with the block."""
    async with anyio.create_task_group() as group:
        for reader in readers:
            group.start_soon(reader.run)
        with anyio.fail_after(10):
            for reader in readers:
                await eventually(lambda r=reader: r.parts)  # type: ignore[misc]
        yield
        with anyio.move_on_after(10):
            for reader in readers:
                await eventually(lambda r=reader: r.ended)  # type: ignore[misc]
        group.cancel_scope.cancel()


async def eventually(true: Callable[[], Any]) -> None:
    """Wait until something is true."""
    with anyio.fail_after(10):
        while not true():
            await anyio.sleep(0.005)
