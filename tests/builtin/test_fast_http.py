"""The fast HTTP client: what a user's network asks of any client."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

import httpx2
import pytest
from builtin.vendors import ASKED, KEY, asking, make

from zg_core.plugin_api import ProviderUnavailableError
from zg_core.testing import WireServer
from zg_plugins_builtin.providers._fast_http import FastClient

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a certificate for 127.0.0.1 that nobody has signed but itself."""
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-nodes", "-newkey", "rsa:2048"),
            *("-keyout", path, "-out", path.with_suffix(".crt"), "-days", "2"),
            *("-subj", "/CN=wire", "-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    path.write_text(path.read_text() + path.with_suffix(".crt").read_text())
    return path


def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


async def test_a_certificate_authority_of_ones_own_is_trusted(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    async with (
        WireServer(tls=tls(certificate)) as server,
        asking("openai", server) as provider,
    ):
        assert (await provider.complete(ASKED)).text


async def test_a_certificate_of_nobody_is_refused(certificate: Path) -> None:
    async with (
        WireServer(tls=tls(certificate)) as server,
        asking("openai", server) as provider,
    ):
        with pytest.raises(ProviderUnavailableError, match="certificate"):
            await provider.complete(ASKED)

    assert not server.requests


async def test_a_proxy_of_the_environment_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with WireServer() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        provider = make("openai", base_url="http://models.test/v1", api_key=KEY)
        await provider.complete(ASKED)
        await provider.close()

    assert proxy.requests[0].headers["host"] == "models.test"


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
