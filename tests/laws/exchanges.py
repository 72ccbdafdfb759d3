"""Exchanges with a model's server: what it may say, and how it may reach us."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Literal

from hypothesis import strategies as st

from zg_core.plugin_api import Message, Reasoning, Response, Text, ToolCall, Usage

__all__ = ["Format", "calls", "noisy", "replaying", "responses", "sse", "texts"]

Format = Literal["openai", "responses", "anthropic"]

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
"""Any Unicode that is some."""
_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3)
    ),
    max_leaves=5,
)
_arguments = st.dictionaries(texts, _values, min_size=1, max_size=3)
_broken = st.sampled_from(["[1]", '{"a"', "no", '"x"']).map(lambda text: {"": text})


@st.composite
def calls(draw: st.DrawFn, vendor: Format, most: int = 4) -> list[ToolCall]:
    """Draw the tool calls of an answer, all at once."""
    arguments = _arguments if vendor == "anthropic" else _arguments | _broken
    return [
        ToolCall(call_id=f"call_{i}", name="find-it", arguments=given)
        for i, given in enumerate(draw(st.lists(arguments, max_size=most)))
    ]


@st.composite
def responses(draw: st.DrawFn, vendor: Format) -> Response:
    """Draw an answer such as a vendor may give."""
    said: list[Text | ToolCall | Reasoning] = [
        Text(text=text) for text in draw(st.lists(texts, max_size=1))
    ]
    wanted = draw(calls(vendor))
    if vendor == "responses" and draw(st.booleans()):
        thought = {"type": "reasoning", "id": "rs_1", "summary": []}
        sealed = thought | {"encrypted_content": draw(texts)}
        said.insert(0, Reasoning(provider="openai", data=sealed))
    reasons = ["tool_calls"] if wanted else ["end", "max_tokens", "refusal"]
    cached, written, read, reasoning, wrote = draw(
        st.tuples(*[st.integers(0, 9999)] * 5)
    )
    return Response(
        message=Message(role="assistant", parts=(*said, *wanted)),
        stop_reason=draw(st.sampled_from(reasons)),
        usage=Usage(
            input_tokens=1 + cached + written + read,
            output_tokens=reasoning + wrote,
            cached_input_tokens=cached,
            cache_write_tokens=written,
            reasoning_tokens=reasoning,
            calls=1,
        ),
        model="m-2026",
        request_id="req_1",
    )


def sse(*events: object) -> list[bytes]:
    """Write events as a server does, each a block of its own."""
    return [b"data: %b\n\n" % json.dumps(event).encode() for event in events]


_MOST_PIECES = 200
_BETWEEN = (
    b": keep-alive\n\n",
    b":\n\n",
    b"\n",
    b'event: wink\ndata: {"type": "wink.delta", "at": 7}\n\n',
    b"retry: 3000\n\n",
)


@st.composite
def noisy(draw: st.DrawFn, blocks: Iterable[bytes]) -> list[bytes]:
    """Draw the pieces in which a stream may reach us, all of which mean the same.

    Args:
        blocks: The events, each a whole block that ends with an empty line.
    """
    chance = random.Random(draw(st.integers(0, 2**32)))
    wrapped, unknown = draw(st.booleans()), draw(st.booleans())
    stream = b""
    for block in blocks:
        if chance.random() < 0.3:
            stream += chance.choice(_BETWEEN)
        stream += _rewritten(block, chance, wrapped=wrapped, unknown=unknown)
    if draw(st.booleans()):
        stream += b"data: [DONE]\n\n" * 2
    stream = stream.replace(b"\n", draw(st.sampled_from([b"\n", b"\r\n", b"\r"])))
    size = max(draw(st.sampled_from([1, 9, 99, 9_999])), len(stream) // _MOST_PIECES)
    pieces = []
    while stream:
        at = chance.randint(1, size)
        pieces.append(stream[:at])
        stream = stream[at:]
    return pieces


def _rewritten(
    block: bytes, chance: random.Random, *, wrapped: bool, unknown: bool
) -> bytes:
    """Write an event otherwise: text as it is, over many lines, with more fields."""
    lines = [b"id: 7"] if chance.random() < 0.2 else []
    for line in block.strip(b"\n").split(b"\n"):
        name, _, data = line.partition(b": ")
        if name != b"data" or not data.startswith(b"{"):
            lines.append(line)
            continue
        event = json.loads(data)
        if unknown:
            event |= {"obfuscation": "aB3", "new": {"deep": [None, "\u2028é😀"]}}
        text = json.dumps(event, ensure_ascii=False, indent=1 if wrapped else None)
        lines += [b"data: " + part.encode() for part in text.split("\n")]
    return b"\n".join(lines) + b"\n\n"


@asynccontextmanager
async def replaying(*answers: Sequence[bytes]) -> AsyncIterator[str]:
    """Serve answers in order, each in just these pieces; yield the server's root."""
    left = iter(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
                assert length is not None
                body = json.loads(await reader.readexactly(int(length[1])))
                kind = "text/event-stream" if body.get("stream") else "application/json"
                writer.write(_HEAD % kind.encode())
                for piece in next(left):
                    writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                    await asyncio.sleep(0)  # so that it is read alone
                writer.write(b"0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nTransfer-Encoding: chunked\r\n"
    b"X-Request-Id: req_1\r\nRequest-Id: req_1\r\n\r\n"
)
