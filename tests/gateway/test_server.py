"""The server: what it cuts off, and that it ends; on a real socket of this machine."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import anyio
import pytest
from fastapi import APIRouter, Security
from fastapi.responses import StreamingResponse
from gateway.asking import make_app, make_services

from zg_plugins_builtin.gateway.http.json_body import JsonRoute
from zg_plugins_builtin.gateway.http.requirements import require
from zg_plugins_builtin.gateway.http.services import Services
from zg_plugins_builtin.gateway.identity.principals import Principal
from zg_plugins_builtin.gateway.protocol import ConnectionLimits, Peers
from zg_plugins_builtin.gateway.server import Server, ServerSettings

SOON = 0.15
ANY = ConnectionLimits(connections=None, new_connections=None, receive_seconds=SOON)
HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
POST = (
    b"POST /api/v1/notes HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ada\r\n"
    b"Content-Type: application/json\r\n"
)


def streams(services: Services) -> APIRouter:
    """Return a stream that ends with the service, and one that does not."""
    routes = APIRouter(route_class=JsonRoute)

    @routes.get("/stream/{deaf}")
    async def stream(
        deaf: bool, who: Annotated[Principal, Security(require("jobs:read"))]
    ) -> StreamingResponse:
        async def parts() -> Iterator[bytes]:
            yield b"first"
            await (anyio.sleep(60) if deaf else services.stopping.wait())
            yield b"last"

        return StreamingResponse(parts())

    return routes


# A process that serves until it is told to end, and then says that it came to its end.
SERVICE = """
import anyio
from gateway.asking import make_app, make_services
from gateway.test_server import streams
from zg_plugins_builtin.gateway.server import Server, ServerSettings

async def main():
    services = make_services()
    app = make_app(streams, services=services)
    server = Server(app, services, ServerSettings(port=0))
    async with anyio.create_task_group() as group:
        group.start_soon(server.serve)
        while not server.started:
            await anyio.sleep(0.01)
        print(server.address[1], flush=True)
    print("ended")

anyio.run(main)
"""


@contextmanager
def serving(
    limits: ConnectionLimits = ANY, seconds: int = 20, **decided: Any
) -> Iterator[Server]:
    services = make_services(**decided)
    settings = ServerSettings(port=0, connections=limits, shutdown_seconds=seconds)
    server = Server(make_app(streams, services=services), services, settings)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield server
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


def connect(server: Server) -> socket.socket:
    return socket.create_connection(server.address, timeout=20)


def everything(client: socket.socket) -> bytes:
    """Read until the other side has closed."""
    read = b""
    try:
        while part := client.recv(65536):
            read += part
    except ConnectionResetError:
        pass
    return read


def sent(server: Server, *parts: bytes) -> bytes:
    with connect(server) as client:
        try:
            for part in parts:
                client.sendall(part)
        except (ConnectionResetError, BrokenPipeError):
            pass
        return everything(client)


def problem(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:])
    document = json.loads(body)
    assert headers["content-type"] == "application/problem+json"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-request-id"] == document["request_id"]
    assert headers["connection"] == "close"
    assert "server" not in headers
    assert document["status"] == int(lines[0].split()[1])
    return document["status"], document["code"]


def test_a_request_is_answered_and_the_server_does_not_say_what_it_is(
    server: Server,
) -> None:
    answer = sent(server, HEAD + b"Connection: close\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b'{"status":"alive"}' in answer
    assert b"server:" not in answer.lower()


def test_a_header_of_64_megabytes_is_cut_off(server: Server) -> None:
    part = b"a" * 1_000_000

    with connect(server) as client:
        client.sendall(HEAD + b"X: ")
        pushed = 0
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            for _ in range(64):
                client.sendall(part)
                pushed += len(part)

    assert pushed < 64_000_000


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param((HEAD + b"X: " + b"a" * 40_000,), id="one long header"),
        pytest.param((HEAD + b"X: y\r\n" * 6_000,), id="many headers"),
        pytest.param((HEAD + b"X: " + b"a" * 33_000 + b"\r\n\r\n",), id="complete"),
        pytest.param((b"GET /" + b"a" * 40_000,), id="a long path"),
    ],
)
def test_headers_that_are_too_long_are_a_problem(
    server: Server, parts: tuple[bytes, ...]
) -> None:
    assert problem(sent(server, *parts)) == (431, "headers_too_large")


def test_what_comes_after_a_body_is_limited_too(server: Server) -> None:
    chunked = POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\n1\r\n0\r\n"

    answer = sent(server, chunked + b"X: " + b"a" * 70_000)

    assert problem(answer) == (431, "headers_too_large")


def test_headers_after_a_body_are_nobodys(server: Server) -> None:
    head = POST.replace(b"Authorization: Bearer ada\r\n", b"")
    body = b'{"text":"x"}'
    chunk = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n" % (len(body), body)

    trailer = b"Authorization: Bearer ada\r\n\r\n"

    answer = sent(server, head + b"Connection: close\r\n" + chunk + trailer)

    assert answer.startswith(b"HTTP/1.1 401")


@pytest.mark.parametrize(
    "beginning",
    [
        pytest.param(HEAD, id="within the headers"),
        pytest.param(b"G", id="within the method"),
        pytest.param(POST + b"Content-Length: 9\r\n\r\n{", id="within the body"),
        pytest.param(
            POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", id="within chunks"
        ),
    ],
)
def test_a_request_that_never_ends_is_ended(server: Server, beginning: bytes) -> None:
    assert problem(sent(server, beginning)) == (408, "request_timeout")


def test_who_sends_a_letter_at_a_time_is_cut_off_all_the_same(server: Server) -> None:
    with connect(server) as client:
        begun = time.monotonic()
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            for letter in HEAD + b"X: " + b"a" * 1_000:
                client.sendall(bytes([letter]))
                time.sleep(0.02)

        assert time.monotonic() - begun >= SOON


def test_who_says_nothing_is_told_nothing(server: Server) -> None:
    assert sent(server) == b""


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"Content-Length: -1\r\n\r\n",
        b"Content-Length : 1\r\n\r\na",
        b"Transfer-Encoding: chunked\r\n\r\nXYZ\r\n",
        b"X: a\r\n folded\r\n\r\n",
        b"X: a\x00b\r\n\r\n",
    ],
)
def test_a_request_of_two_meanings_is_refused(server: Server, head: bytes) -> None:
    assert problem(sent(server, POST + head)) == (400, "bad_request")


@pytest.mark.parametrize(
    "line",
    [
        b"GET /healthz",
        b"NONSENSE\r\n\r\n",
        b"GET http:// HTTP/1.1\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
        b"GET /healthz HTTP/9.9\r\n\r\n",
    ],
)
def test_what_is_no_request_is_a_problem_and_no_mishap(
    server: Server, line: bytes
) -> None:
    status, code = problem(sent(server, line))

    assert (status, code) in {(400, "bad_request"), (408, "request_timeout")}


def test_chunks_that_grow_too_long_are_refused_on_the_way(server: Server) -> None:
    chunk = b"10000\r\n" + b"[" * 0x10000 + b"\r\n"

    answer = sent(server, POST + b"Transfer-Encoding: chunked\r\n\r\n", *[chunk] * 16)

    assert answer.startswith(b"HTTP/1.1 413")
    assert b'"payload_too_large"' in answer


@pytest.mark.parametrize(
    "framed",
    [
        pytest.param(b"Content-Length: %d\r\n\r\n%s", id="says how long"),
        pytest.param(
            b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", id="chunks"
        ),
    ],
)
def test_who_sends_all_before_reading_still_reads_why_it_is_refused(
    server: Server, framed: bytes
) -> None:
    body = b"[" * 8_000_000

    with connect(server) as client:
        client.sendall(POST + framed % (len(body), body))

        assert problem(everything(client)) == (413, "payload_too_large")


def test_a_refused_body_that_never_comes_is_not_waited_for_long(
    server: Server,
) -> None:
    answer = sent(server, POST + b"Content-Length: 8000000\r\n\r\n[")

    assert problem(answer) == (413, "payload_too_large")


def test_a_connection_serves_many_requests_in_a_row(server: Server) -> None:
    last = HEAD + b"Connection: close\r\n\r\n"

    answer = sent(server, (HEAD + b"\r\n") * 200 + last)

    assert answer.count(b'{"status":"alive"}') == 201


@pytest.mark.heavy
@pytest.mark.parametrize(("deaf", "seconds"), [("false", 5), ("true", 20)])
def test_a_service_told_to_end_ends_with_a_stream_open(deaf: str, seconds: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SERVICE],
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
            client.sendall(_stream(deaf))
            _until(client, b"first")
            process.send_signal(signal.SIGTERM)
            begun = time.monotonic()
            heard = everything(client)

        assert process.wait(30) == 0
        assert time.monotonic() - begun < seconds + 3
        assert (b"last" in heard) == (deaf == "false")
        assert process.stdout.read() == "ended\n"


def test_an_address_has_only_so_many_connections() -> None:
    limits = ConnectionLimits(connections=2, new_connections=None)
    with serving(limits) as server:
        first, second = connect(server), connect(server)
        for client in (first, second):
            client.sendall(HEAD + b"\r\n")
            assert client.recv(100)

        assert sent(server, HEAD) == b""

        first.close()
        second.close()


def test_connections_are_counted_by_address() -> None:
    limits = ConnectionLimits(connections=2, new_connections=None)
    peers = Peers(limits, ("10.0.0.0/8",))

    assert [peers.enter("192.0.2.1") for _ in range(3)] == [True, True, False]
    assert peers.enter("192.0.2.2")
    assert all(peers.enter("10.1.2.3") for _ in range(9))
    peers.leave("192.0.2.1")
    assert peers.enter("192.0.2.1")


def test_new_connections_have_a_rate() -> None:
    peers = Peers(ConnectionLimits(connections=None, new_connections=5), ())

    assert [peers.enter("192.0.2.1") for _ in range(6)].count(True) == 5


def test_a_stream_that_listens_ends_with_the_service() -> None:
    with serving() as server, connect(server) as client:
        client.sendall(_stream("false"))
        assert b"first" in _until(client, b"first")
        server.should_exit = True

        assert b"last" in everything(client)


@pytest.mark.heavy
def test_a_stream_that_does_not_listen_is_ended_when_the_time_is_over() -> None:
    with serving(seconds=1) as server, connect(server) as client:
        client.sendall(_stream("true"))
        assert b"first" in _until(client, b"first")
        server.should_exit = True

        assert b"last" not in everything(client)


def _stream(deaf: str) -> bytes:
    path = HEAD.replace(b"/healthz", f"/stream/{deaf}".encode())
    return path + b"Authorization: Bearer ada\r\n\r\n"


def _until(client: socket.socket, wanted: bytes) -> bytes:
    read = b""
    while wanted not in read:
        part = client.recv(65536)
        assert part
        read += part
    return read
