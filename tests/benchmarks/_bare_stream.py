"""The floor of a stream: a bare Starlette response that says one line and waits."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route


async def _lines() -> AsyncIterator[bytes]:
    yield b"retry: 2000\n\n"
    await asyncio.Event().wait()


async def _stream(_: Request) -> StreamingResponse:
    return StreamingResponse(_lines(), media_type="text/event-stream")


def main() -> None:
    """Serve streams, until ended."""
    app = Starlette(routes=[Route("/events", _stream)])
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listening:
        print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, timeout_graceful_shutdown=1
        )
        uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
