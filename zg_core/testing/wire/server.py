"""The server itself: it listens, records, answers and fails as it is told to."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from itertools import chain, repeat
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ..._json import Json
from ...messages import Message
from ...models import Response
from ...usage import Usage
from .answers import Fault, WireAnswer, WireRequest
from .fitting import fitting
from .formats import FORMATS, WireFormat

if TYPE_CHECKING:
    import ssl

    from aiohttp import web

__all__ = ["WireServer"]

_FINE = Fault()
_MODELS = b'{"object": "list", "data": [{"id": "wire", "object": "model"}]}'


class WireServer:
    """A model server on 127.0.0.1, to be used as an async context manager.

    Args:
        *answers: What it answers, in order.
        script: What it answers after these; `None` means the usual answer.
        latency: Seconds each answer takes to begin.
        piece: Characters a piece of a stream; `None` is a word.
        port: Where it listens; 0 takes a free port.
        tls: Certificate and key, for HTTPS.
        compress: Whether answers are compressed, where the client accepts it.
        models: What it says about its models instead of the usual.

    Attributes:
        answers: What it answers next; may be added to at any time.
        requests: What it was asked.
    """

    def __init__(
        self,
        *answers: WireAnswer,
        script: Callable[[WireRequest], WireAnswer | None] | None = None,
        latency: float = 0.0,
        piece: int | None = None,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        compress: bool = False,
        models: bytes = _MODELS,
    ) -> None:
        self.answers = deque(answers)
        self.requests: list[WireRequest] = []
        self.script = script
        self.latency = latency
        self.piece = piece
        self._port = port
        self._tls = tls
        self._compress = compress
        self._said_of_models = models

    @property
    def url(self) -> str:
        """The root: Anthropic's base URL; OpenAI's has ``/v1`` after it."""
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self._port}"

    @property
    def open_connections(self) -> int:
        """How many connections of clients are open."""
        server = self._runner.server
        return len(server.connections) if server is not None else 0

    async def __aenter__(self) -> Self:
        from aiohttp import web

        app = web.Application(client_max_size=1 << 28)
        for path in FORMATS:
            app.router.add_post(path, self._answer)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/_requests", self._recorded)
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1
        )
        await self._runner.setup()
        site = web.TCPSite(
            self._runner, "127.0.0.1", self._port, ssl_context=self._tls, backlog=2048
        )
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._runner.cleanup()

    async def _models(self, _: web.Request) -> web.Response:
        from aiohttp import web

        return web.Response(body=self._said_of_models, content_type="application/json")

    async def _recorded(self, _: web.Request) -> web.Response:
        from aiohttp import web

        return web.json_response(list(map(asdict, self.requests)))

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        text = await request.text()
        try:
            body: Json = json.loads(text)
        except ValueError:
            body = None
        asked = WireRequest(
            number=len(self.requests) + 1,
            method=request.method,
            path=request.path_qs,
            headers={name.lower(): value for name, value in request.headers.items()},
            body=body,
            connection=_port(request),
        )
        self.requests.append(asked)
        wire = FORMATS[request.path]
        fault = self._next(asked, wire)
        if self.latency or fault.delay_seconds:
            await asyncio.sleep(self.latency + fault.delay_seconds)
        return await self._send(request, asked, wire, fault)

    def _next(self, asked: WireRequest, wire: WireFormat) -> Fault:
        if not isinstance(asked.body, dict):
            return Fault(status=400, message="the body is no JSON object")
        answer: WireAnswer | None = None
        if self.answers:
            answer = self.answers.popleft()
        elif self.script is not None:
            answer = self.script(asked)
        if answer is None:
            schema = wire.schema(asked.body)
            answer = json.dumps(fitting(schema)) if schema else _usual(asked)
        return answer if isinstance(answer, Fault) else replace(_FINE, answer=answer)

    async def _send(
        self, request: web.Request, asked: WireRequest, wire: WireFormat, fault: Fault
    ) -> web.StreamResponse:
        from aiohttp import web

        if fault.raw is not None:
            await _send_raw(request, fault.raw, fault)
        if fault.cut is None and fault.end != "close":
            await _break_off(request, fault)
        request_id, chunks = self._body(asked, wire, fault)
        streamed = asked.streamed and fault.status == 200
        headers = {
            "Content-Type": "text/event-stream" if streamed else "application/json",
            wire.request_id_header: request_id,
            **fault.headers,
        }
        if fault.retry_after is not None:
            headers["Retry-After"] = str(fault.retry_after)
        out = web.StreamResponse(status=fault.status, headers=headers)
        if self._compress:
            out.enable_compression()
        elif not streamed and fault.end == "close":
            out.content_length = sum(map(len, chunks)) * fault.repeat
        await out.prepare(request)
        for chunk in _paced(chunks, fault):
            await out.write(chunk)
            if fault.drip_seconds:
                await asyncio.sleep(fault.drip_seconds)
        if fault.end != "close":
            await _break_off(request, fault)
        await out.write_eof()
        asked.answered = True
        return out

    def _body(
        self, asked: WireRequest, wire: WireFormat, fault: Fault
    ) -> tuple[str, list[bytes]]:
        response = _complete(asked, fault.answer)
        request_id = response.request_id or f"req_{asked.number}"
        if fault.body is not None:
            chunks = [fault.body]
        elif fault.status != 200:
            said = wire.error(fault.status, fault.message, fault.code)
            chunks = [json.dumps(said).encode()]
        elif asked.streamed:
            chunks = list(wire.events(response, asked.number, self.piece, asked.body))
        else:
            chunks = [json.dumps(wire.document(response, asked.number)).encode()]
        if fault.cut is not None:
            whole = b"".join(chunks)
            chunks = [whole[: round(len(whole) * fault.cut)]]
        return request_id, chunks


def _paced(chunks: list[bytes], fault: Fault) -> Iterator[bytes]:
    """Yield a body as it is written: as often, and as slowly, as a fault wants."""
    for chunk in chain.from_iterable(repeat(chunks, fault.repeat)):
        if fault.drip_seconds:
            yield from (bytes((byte,)) for byte in chunk)
        else:
            yield chunk


def _port(request: web.Request) -> int:
    transport = request.transport
    assert transport is not None
    port: int = transport.get_extra_info("peername")[1]
    return port


def _usual(asked: WireRequest) -> str:
    return f"This is the answer to: {' '.join(asked.prompt.split())[:200]}"


def _complete(asked: WireRequest, answer: str | Response) -> Response:
    """Fill in what a test left open: model and usage."""
    if isinstance(answer, str):
        answer = Response(message=Message.assistant(answer))
    if not answer.usage.total_tokens:
        read, written = int(asked.headers["content-length"]), len(answer.text)
        usage = Usage(input_tokens=read // 4, output_tokens=1 + written // 4, calls=1)
        answer = replace(answer, usage=usage)
    return answer if answer.model else replace(answer, model=asked.model)


async def _send_raw(request: web.Request, raw: bytes, fault: Fault) -> None:
    """Send bytes that need not be HTTP, and nothing after them."""
    transport = request.transport
    assert transport is not None
    for piece in _paced([raw], fault):
        transport.write(piece)
        await asyncio.sleep(fault.drip_seconds)
    if fault.end == "close":
        transport.close()
    await _break_off(request, fault)


async def _break_off(request: web.Request, fault: Fault) -> None:
    """Send nothing more; for a reset, make the peer see one."""
    transport = request.transport
    if fault.end == "reset" and transport is not None:
        await asyncio.sleep(0.01)  # let the peer read what was sent
        linger = struct.pack("ii", 1, 0)
        raw = transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()
    await asyncio.Event().wait()  # until the peer is gone or the server stops
