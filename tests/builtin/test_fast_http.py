"""The fast HTTP client: what a user's network asks of any client."""

from __future__ import annotations

import asyncio
import gc
import ssl
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from traceback import format_exception
from typing import Any

import httpx2
import pytest
import trustme
from builtin.vendors import ASKED, KEY, VENDORS, asking, both, make, streamed

from zg_core.plugin_api import (
    Provider,
    ProviderRequestError,
    ProviderUnavailableError,
)
from zg_core.testing import WireServer
from zg_core.testing.wire import Fault, serve_apart
from zg_plugins_builtin.providers._fast_http import FastClient

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def tls(authority: trustme.CA, **certificate: Any) -> ssl.SSLContext:
    """Make what a server shows: a certificate of its own, for 127.0.0.1."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    names = certificate.pop("names", ("127.0.0.1",))
    authority.issue_cert(*names, **certificate).configure_cert(context)
    return context


@pytest.fixture
def trusted(
    authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))


vendors = pytest.mark.parametrize("vendor", VENDORS)


@vendors
@pytest.mark.usefixtures("trusted")
async def test_a_certificate_authority_of_ones_own_is_trusted(
    vendor: str, authority: trustme.CA
) -> None:
    async with (
        WireServer(tls=tls(authority)) as server,
        asking(vendor, server) as provider,
    ):
        for response in await both(provider, ASKED):
            assert response.text


LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)


@vendors
@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(
    ("certificate", "cause"),
    [
        ({"names": ("elsewhere.test",)}, "IP address mismatch"),
        ({"not_before": LONG_AGO, "not_after": LONG_AGO}, "has expired"),
        (None, "unable to get local issuer certificate"),
    ],
    ids=["of another host", "expired", "signed by nobody"],
)
async def test_a_certificate_that_proves_nothing_is_refused(
    vendor: str,
    authority: trustme.CA,
    certificate: dict[str, Any] | None,
    cause: str,
) -> None:
    shown = tls(trustme.CA()) if certificate is None else tls(authority, **certificate)

    async with WireServer(tls=shown) as server, asking(vendor, server) as provider:
        with pytest.raises(ProviderUnavailableError) as caught:
            await both(provider, ASKED)

    assert cause in caught.value.cause
    assert "SSL_CERT_FILE" in caught.value.remedy
    assert not server.requests


async def test_tls_where_there_is_none_is_said() -> None:
    async with WireServer() as server:
        url = server.url.replace("http:", "https:") + "/v1"
        async with asking("openai", server, base_url=url) as provider:
            with pytest.raises(
                ProviderUnavailableError, match="begins with https only"
            ):
                await provider.complete(ASKED)


async def test_none_where_there_is_tls_is_an_error_too(authority: trustme.CA) -> None:
    async with WireServer(tls=tls(authority)) as server:
        url = server.url.replace("https:", "http:") + "/v1"
        async with asking("openai", server, base_url=url) as provider:
            with pytest.raises(ProviderUnavailableError, match="no connection"):
                await provider.complete(ASKED)


@vendors
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(vendor: str, status: int) -> None:
    async with WireServer() as other, WireServer() as server:
        moved = Fault(status=status, headers={"Location": f"{other.url}/v1/messages"})
        server.answers.extend([moved, moved])
        async with asking(vendor, server) as provider:
            for ask in (provider.complete(ASKED), streamed(provider, ASKED)):
                with pytest.raises(ProviderRequestError) as caught:
                    await ask

    assert "redirects to another address" in caught.value.cause
    assert other.url in caught.value.remedy
    assert not other.requests


async def test_a_proxy_of_the_environment_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with WireServer() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        provider = make("openai", base_url="http://models.test/v1", api_key=KEY)
        await provider.complete(ASKED)
        await provider.close()

    assert proxy.requests[0].headers["host"] == "models.test"


@asynccontextmanager
async def tunnel(refusing: bytes = b"") -> AsyncIterator[tuple[str, list[bytes]]]:
    """Run a proxy that opens tunnels (RFC 9110, §9.3.6); yield its address and log."""
    heads = []

    async def serve(reader: StreamReader, writer: StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        if refusing:
            writer.write(refusing)
            writer.close()
            return
        port = int(heads[-1].split()[1].rpartition(b":")[2])
        back, forth = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await asyncio.gather(passed(reader, forth), passed(back, writer))

    async def passed(reader: StreamReader, writer: StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(2**16):
                writer.write(data)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", heads


async def test_tls_goes_through_a_proxy_that_sees_no_key(
    authority: trustme.CA, trusted: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = tls(authority, names=("models.test",))
    async with tunnel() as (address, heads), WireServer(tls=shown) as server:
        monkeypatch.setenv("https_proxy", f"http://me:secret@{address}")
        url = server.url.replace("127.0.0.1", "models.test") + "/v1"
        async with asking("openai", server, base_url=url) as provider:
            assert (await provider.complete(ASKED)).text

    assert heads[0].startswith(b"CONNECT models.test:")
    assert b"Proxy-Authorization: Basic" in heads[0]
    assert KEY.encode() not in heads[0]


async def test_a_proxy_that_refuses_is_named_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    no = b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n"
    async with tunnel(refusing=no) as (address, _):
        monkeypatch.setenv("https_proxy", f"http://me:secret@{address}")
        provider = make("openai", base_url="https://models.test/v1", api_key=KEY)
        with pytest.raises(ProviderUnavailableError) as caught:
            await provider.complete(ASKED)
        await provider.close()

    assert "the proxy answers 407" in caught.value.cause
    assert "secret" not in "".join(format_exception(caught.value))


async def test_what_the_environment_excepts_is_asked_without_a_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with WireServer() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "models.test")
        provider = make("openai", base_url="http://models.test:9/v1", api_key=KEY)
        with pytest.raises(ProviderUnavailableError):
            await provider.complete(ASKED)
        await provider.close()

    assert not proxy.requests


@vendors
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_provider_serves_one_event_loop_after_the_other(vendor: str) -> None:
    async def ask(provider: Provider) -> None:
        assert (await provider.complete(ASKED)).text

    with serve_apart() as url:
        root = f"{url}/v1" if vendor == "openai" else url
        provider = make(vendor, base_url=root, api_key=KEY)
        for _ in range(3):
            asyncio.run(ask(provider))
        asyncio.run(provider.close())
    gc.collect()  # closes what a loop that ended had open, and warns of it


async def test_this_machine_is_asked_without_a_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

    async with WireServer() as server, asking("openai", server) as provider:
        assert (await provider.complete(ASKED)).text


async def test_a_kind_of_proxy_that_cannot_be_used_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("all_proxy", "socks5://127.0.0.1:9")
    provider = make("openai", base_url="http://models.test/v1", api_key=KEY)

    with pytest.raises(ProviderUnavailableError, match="'socks5'"):
        await provider.complete(ASKED)
    await provider.close()


async def test_a_name_and_password_in_the_address_are_not_shown() -> None:
    url = "http://me:secret@127.0.0.1:9/v1"
    provider = make("openai", base_url=url, api_key=KEY)

    with pytest.raises(ProviderUnavailableError) as caught:
        await provider.complete(ASKED)
    await provider.close()

    assert "secret" not in str(caught.value)


async def test_what_is_not_plain_goes_the_long_way() -> None:
    async with WireServer() as server, FastClient() as client:
        url = f"{server.url}/v1/chat/completions"
        body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
        response = await client.post(url, json=body, auth=("me", "secret"))
        models = await client.get(f"{server.url}/v1/models", params={"a": "b"})

    assert response.json()["model"] == "m"
    assert server.requests[0].headers["authorization"].startswith("Basic ")
    assert models.is_success
    with pytest.raises(RuntimeError, match="closed"):
        await client.get(server.url)


@pytest.mark.parametrize(
    ("told", "id_"),
    [
        pytest.param(b"req_1", "req_1", id="plain"),
        pytest.param(b"req_\xff\xe9", "req_\u00ff\u00e9", id="no UTF-8"),
        pytest.param(f"req_{KEY}".encode(), "req_[key]", id="with the key"),
    ],
)
async def test_a_request_id_is_the_same_however_its_answer_is_read(
    told: bytes, id_: str
) -> None:
    said = (
        b'{"choices": [{"message": {"role": "assistant", "content": "Hello."},'
        b' "finish_reason": "stop"}]}'
    )
    head = b"HTTP/1.1 200 OK\r\nX-Request-Id: %b\r\nContent-Length: %d\r\n\r\n"

    async def serve(reader: StreamReader, writer: StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            while asked := await reader.readuntil(b"\r\n\r\n"):
                length = asked.lower().partition(b"content-length: ")[2].split()[0]
                await reader.readexactly(int(length))
                writer.write(head % (told, len(said)) + said)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        provider = make("openai", base_url=f"http://127.0.0.1:{port}/v1", api_key=KEY)
        answers = [await provider.complete(ASKED) for _ in range(3)]
        await provider.close()

    assert [answer.request_id for answer in answers] == [id_] * 3


async def test_a_connection_that_takes_too_long_is_given_up() -> None:
    timeout = httpx2.Timeout(5, connect=0.001)

    async with FastClient() as client:
        # TEST-NET-1 (RFC 5737) answers nobody
        request = client.build_request(
            "POST",
            "http://192.0.2.1/",
            content=b"x",
            headers={"a": "b"},
            timeout=timeout,
        )
        with pytest.raises((httpx2.ConnectTimeout, httpx2.ConnectError)):
            await client.send(request)
