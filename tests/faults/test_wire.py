"""What a server may do wrong on the wire: each is one typed error, and leaves nothing.

Every fault comes from a real server, once for a whole answer and once for a stream,
and once for a run. What a server says that is in the right format but means something
bad is in ``test_vendors.py``.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
import pytest
from builtin.vendors import ASKED, VENDORS, asking, base_url, streamed
from offering import Offering, ask, flow

import zg_core as zg
from zg_core.plugin_api import (
    Provider,
    ProviderError,
    ProviderResponseError,
    ProviderTimeoutError,
    ProviderUnavailableError,
)
from zg_core.testing import WireServer
from zg_core.testing.wire import Fault

pytestmark = pytest.mark.anyio
vendors = pytest.mark.parametrize("vendor", VENDORS)

PATIENCE = 0.25
"""Seconds an answer may take here; a stream may take six times as many."""
DEADLINE = 30.0
"""Seconds after which it hangs: a busy machine takes some to import a package."""
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
LOGIN = b"<html><form action='/login'>" + b" " * 5000
HTML = {"Content-Type": "text/html; charset=utf-8"}
PACKED = {"Content-Encoding": "gzip"}
MEGABYTE = bytes(2**20)

PACKER = zlib.compressobj(wbits=-zlib.MAX_WBITS)
BLOCK = PACKER.compress(MEGABYTE) + PACKER.flush(zlib.Z_FULL_FLUSH)
BOMB = b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + BLOCK * 1024  # gzip, RFC 1952
EVENTS = {"Content-Type": "text/event-stream"}

FAULTS: dict[str, tuple[Fault, type[ProviderError], str]] = {
    "a reset before the head": (Fault(end="reset"), ProviderUnavailableError, ""),
    "a reset inside the head": (
        Fault(raw=b"HTTP/1.1 200 O", end="reset"),
        ProviderUnavailableError,
        "",
    ),
    "a reset after the head": (
        Fault(raw=HEAD + b"\r\n", end="reset"),
        ProviderResponseError,
        "",
    ),
    "an end before the head": (Fault(raw=b""), ProviderUnavailableError, ""),
    "an end inside the head": (Fault(raw=HEAD), ProviderUnavailableError, ""),
    "an end inside the body": (
        Fault(raw=HEAD + b'Content-Length: 9\r\n\r\n{"a'),
        ProviderResponseError,
        "ended too early",
    ),
    "a chunk that is none": (
        Fault(raw=HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}"),
        ProviderResponseError,
        "it is no HTTP",
    ),
    "another protocol": (
        Fault(raw=b"SSH-2.0-OpenSSH_9.9\r\n"),
        ProviderResponseError,
        "it is no HTTP",
    ),
    "nothing at all": (Fault(end="hang"), ProviderTimeoutError, "in time"),
    "a little of it, then nothing": (
        Fault(cut=0.05, end="hang"),
        ProviderTimeoutError,
        "in time",
    ),
    "a head that drips": (
        Fault(raw=HEAD * 99, drip_seconds=0.02),
        ProviderTimeoutError,
        "in time",
    ),
    "a head without an end": (
        Fault(raw=HEAD + b"X-A: b\r\n" * 9**6),
        ProviderResponseError,
        "it is no HTTP",
    ),
    "a body that drips": (
        Fault(body=b" " * 9999, drip_seconds=0.02),
        ProviderTimeoutError,
        "in time",
    ),
    "a gigabyte": (
        Fault(body=MEGABYTE, repeat=1024),
        ProviderResponseError,
        "longer than 64 MB",
    ),
    "a gigabyte when unpacked": (
        Fault(body=BOMB, headers=PACKED),
        ProviderResponseError,
        "longer than 64 MB",
    ),
    "what cannot be unpacked": (
        Fault(body=b"no gzip", headers=PACKED),
        ProviderResponseError,
        "unpacked",
    ),
    "a page to log in": (
        Fault(body=LOGIN, headers=HTML),
        ProviderResponseError,
        "it is text/html",
    ),
    "half an event": (
        Fault(body=b'data: {"type": "message_start", "mess', headers=EVENTS),
        ProviderResponseError,
        "",
    ),
}
faults = pytest.mark.parametrize(
    ("fault", "kind", "cause"), FAULTS.values(), ids=FAULTS
)


LARGE = ("a gigabyte", "a gigabyte when unpacked", "a head without an end")


async def error_of(provider: Provider, way: str) -> ProviderError:
    """Return the error that asking ends with, in time."""
    ask = provider.complete(ASKED) if way == "complete" else streamed(provider, ASKED)
    with anyio.fail_after(DEADLINE), pytest.raises(ProviderError) as caught:
        await ask
    return caught.value


@asynccontextmanager
async def leaving_nothing(server: WireServer, connections: int) -> AsyncIterator[None]:
    """See that the block leaves no task, and no more connections than that."""
    before = asyncio.all_tasks()
    yield
    with anyio.fail_after(DEADLINE):
        while server.open_connections > connections:
            await anyio.sleep(0.005)
        while (
            len(asyncio.all_tasks() - before) > connections
        ):  # the server has one each
            await anyio.sleep(0.005)


@vendors
@pytest.mark.parametrize("way", ["complete", "stream"])
@faults
async def test_a_fault_is_one_error_and_leaves_nothing(
    request: pytest.FixtureRequest,
    vendor: str,
    way: str,
    fault: Fault,
    kind: type[ProviderError],
    cause: str,
) -> None:
    patience = DEADLINE if request.node.callspec.id.startswith(LARGE) else PATIENCE

    async with (
        WireServer(fault) as server,
        leaving_nothing(server, connections=0),
        asking(vendor, server, timeout_seconds=patience) as provider,
        leaving_nothing(server, connections=1),
    ):
        error = await error_of(provider, way)
        assert (await provider.complete(ASKED)).text

    assert (type(error), cause in error.cause) == (kind, True), error
    assert vendor in error.cause
    assert error.remedy
    assert len(server.requests) == 2


@pytest.mark.parametrize("way", ["complete", "stream"])
@pytest.mark.parametrize(
    ("vendor", "fault", "kind"),
    [(VENDORS[n % 2], *fault[:2]) for n, fault in enumerate(FAULTS.values())],
    ids=FAULTS,
)
async def test_it_is_the_same_error_when_there_was_an_answer_before(
    request: pytest.FixtureRequest,
    vendor: str,
    way: str,
    fault: Fault,
    kind: type[ProviderError],
) -> None:
    """Since only the first request of a kind is made by the vendor's package."""
    patience = DEADLINE if request.node.callspec.id.startswith(LARGE) else PATIENCE

    async with (
        WireServer("fine", fault) as server,
        leaving_nothing(server, connections=0),
        asking(vendor, server, timeout_seconds=patience) as provider,
    ):
        ask = (
            provider.complete(ASKED) if way == "complete" else streamed(provider, ASKED)
        )
        await ask
        error = await error_of(provider, way)

    assert type(error) is kind, error
    assert len(server.requests) == 2


async def stream(ctx: zg.Context) -> zg.Reply:
    """Put the prompt to the model in a stream, and reply with its pieces."""
    pieces = ctx.stream([zg.Message.user(ctx.prompt)])
    return zg.Reply(output="".join([piece.text async for piece in pieces]))


@pytest.mark.parametrize(
    ("vendor", "agent", "fault", "kind", "cause"),
    [
        ("openai", stream, *fault) if n % 2 else ("anthropic", ask(), *fault)
        for n, fault in enumerate(FAULTS.values())
    ],
    ids=FAULTS,
)
async def test_a_run_has_one_error_of_a_fault_and_outlives_it(
    request: pytest.FixtureRequest,
    vendor: str,
    agent: Callable[[zg.Context], Awaitable[zg.Reply]],
    fault: Fault,
    kind: type[ProviderError],
    cause: str,
) -> None:
    patience = DEADLINE if request.node.callspec.id.startswith(LARGE) else PATIENCE

    async with WireServer(fault) as server, leaving_nothing(server, connections=0):
        values = {"base_url": base_url(vendor, server), "timeout_seconds": patience}
        config = zg.Config(plugins_config={"builtin": {vendor: values}})
        async with zg.Engine.open(
            Offering(one=agent), config=config, journal="memory"
        ) as engine:
            options = zg.RunOptions(model=f"{vendor}:m")
            run = engine.stream(flow("one"), "Say hello.", options=options)
            with anyio.fail_after(DEADLINE):
                events = [event async for event in run]

    [failed] = [event for event in events if isinstance(event, zg.ModelFailed)]
    assert failed.error.type.endswith(kind.__name__)
    assert cause in failed.error.cause
    assert failed.billed  # it had the request, and may have done the work
    assert isinstance(events[-1], zg.RunFinished)
    assert len(server.requests) == 2
