"""The way out: where requests go, and what comes back of them."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path

import anyio
import pytest
import trustme
from gateway.receiving import Receiver, answering

from zg_plugins_builtin.gateway.egress.sending import Egress, Timeouts
from zg_plugins_builtin.gateway.egress.targets import EgressPolicy
from zg_plugins_builtin.gateway.errors import CallbackForbiddenError, NoAnswerError

pytestmark = pytest.mark.anyio
DEVELOPMENT = EgressPolicy(insecure_loopback=True)
SLOW = Timeouts(connect=0.05, total=0.2)
PUBLIC = ["93.184.215.14", "2606:4700::1111"]


class Names:
    """A resolver that answers with its answers in turn, the last again and again."""

    def __init__(self, *answers: list[str]) -> None:
        self.asked: list[str] = []
        self._answers = list(answers)

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Where connections were tried to, none of which comes about."""
    seen: list[str] = []

    async def refuse(loop: object, sock: object, address: tuple[str, int]) -> None:
        seen.append(address[0])
        raise ConnectionRefusedError("not from here")

    loop = asyncio.selector_events.BaseSelectorEventLoop
    monkeypatch.setattr(loop, "sock_connect", refuse)
    return seen


# -- Where it goes -------------------------------------------------------------------


async def test_a_name_that_turns_private_after_it_was_permitted_is_not_called() -> None:
    async with Receiver() as receiver:
        names = Names(PUBLIC, ["127.0.0.1"])
        egress = Egress(EgressPolicy(ports=frozenset([receiver.port])), lookup=names)
        url = await egress.permit(f"https://rebinding.example.com:{receiver.port}/")

        with pytest.raises(CallbackForbiddenError):
            await egress.send("POST", url, content=b"{}")

        assert names.asked == ["rebinding.example.com"] * 2
        assert not receiver.connections


async def test_only_addresses_that_were_judged_are_connected_to(
    connected: list[str],
) -> None:
    names = Names(PUBLIC, ["127.0.0.1"])

    with pytest.raises(NoAnswerError) as caught:
        await Egress(lookup=names).send("GET", "https://rebinding.example.com/")

    assert caught.value.reason == "connection"
    assert names.asked == ["rebinding.example.com"]
    assert connected
    assert set(connected) <= set(PUBLIC)


async def test_one_bad_address_among_good_ones_is_enough(connected: list[str]) -> None:
    names = Names([*PUBLIC, "169.254.169.254"])

    with pytest.raises(CallbackForbiddenError):
        await Egress(lookup=names).send("GET", "https://example.com/")

    assert not connected


async def test_the_address_of_each_request_is_that_of_its_one_lookup() -> None:
    async with (
        Receiver() as first,
        Receiver(address="127.0.0.2", port=first.port) as second,
    ):
        names = Names(["127.0.0.1"], ["127.0.0.2"])
        egress = Egress(DEVELOPMENT, lookup=names)
        for path in ("a", "b"):
            await egress.send("GET", f"http://hook.example.com:{first.port}/{path}")

    assert [got.path for got in first.requests] == ["/a"]
    assert [got.path for got in second.requests] == ["/b"]
    assert len(names.asked) == 2


async def test_an_address_in_a_url_goes_by_what_was_judged_too() -> None:
    """An HTTP client asks no resolver about an address; the socket asks us."""
    async with Receiver() as receiver:
        egress = Egress(DEVELOPMENT, lookup=Names(["127.0.0.2"]))
        with pytest.raises(NoAnswerError, match="cannot be reached"):
            await egress.send("GET", receiver.url)

        assert not receiver.connections


async def test_an_ipv4_address_inside_an_ipv6_one_is_called_as_such() -> None:
    async with Receiver() as receiver:
        egress = Egress(DEVELOPMENT, lookup=Names(["::ffff:127.0.0.1"]))
        answer = await egress.send("GET", f"http://hook.example.com:{receiver.port}/")

    assert answer.status == 200


async def test_the_systems_resolver_is_asked_where_none_is_given() -> None:
    async with Receiver() as receiver:
        url = f"http://localhost:{receiver.port}/a?b=%2F"
        answer = await Egress(DEVELOPMENT).send("PUT", url, content=b"hello")

    (got,) = receiver.requests
    assert (got.method, got.path, got.body) == ("PUT", "/a?b=%2F", b"hello")
    assert got.headers["host"] == f"localhost:{receiver.port}"
    assert answer.status == 200
    with pytest.raises(CallbackForbiddenError):
        await Egress().send("PUT", url)


async def test_only_domains_that_are_allowed_for_a_request_are_called() -> None:
    egress = Egress(lookup=Names(["127.0.0.1"]))

    with pytest.raises(CallbackForbiddenError, match="allowed domains"):
        await egress.send("GET", "https://a.example/", domains=frozenset(["b.example"]))


# -- Certificates --------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def shown(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.mark.parametrize("name", ["hook.example.com", "other.example.com", "127.0.0.1"])
async def test_the_certificate_is_of_the_hosts_name_and_not_of_its_address(
    authority: trustme.CA, name: str
) -> None:
    async with Receiver(tls=shown(authority, name)) as receiver:
        names = Names(["127.0.0.1"])
        egress = Egress(DEVELOPMENT, tls=trusting(authority), lookup=names)
        url = f"https://hook.example.com:{receiver.port}/"
        if name == "hook.example.com":
            assert (await egress.send("GET", url)).status == 200
            return
        with pytest.raises(NoAnswerError) as caught:
            await egress.send("GET", url)

    assert caught.value.reason == "tls"
    assert not receiver.requests


async def test_a_certificate_of_an_unknown_authority_is_none(
    authority: trustme.CA,
) -> None:
    async with Receiver(tls=shown(authority, "localhost")) as receiver:
        with pytest.raises(NoAnswerError) as caught:
            await Egress(DEVELOPMENT).send("GET", f"https://localhost:{receiver.port}/")

    assert caught.value.reason == "tls"


# -- What it leaves alone ------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    async with Receiver() as elsewhere:
        told = answering(status, f"location: {elsewhere.url}/")
        async with Receiver(told) as receiver:
            answer = await Egress(DEVELOPMENT).send("POST", receiver.url)

        assert answer.status == status
        assert not elsewhere.connections


async def test_no_proxy_of_the_environment_sees_a_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Receiver() as proxy, Receiver() as receiver:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
            monkeypatch.setenv(name.upper(), proxy.url)

        await Egress(DEVELOPMENT).send("POST", receiver.url)
        with pytest.raises(NoAnswerError):
            url = f"https://127.0.0.1:{receiver.port}/"
            await Egress(DEVELOPMENT, timeouts=SLOW).send("POST", url)

        assert len(receiver.requests) == 1
        assert not proxy.connections


async def test_no_password_and_no_cookie_is_sent_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    async with Receiver(answering(200, "set-cookie: a=b")) as receiver:
        egress = Egress(DEVELOPMENT)
        for _ in range(2):
            await egress.send("GET", receiver.url)

    for got in receiver.requests:
        assert "cookie" not in got.headers
        assert "authorization" not in got.headers
    assert receiver.connections == 2


# -- What comes back -----------------------------------------------------------------


async def test_no_more_of_an_answer_is_read_than_was_asked_for() -> None:
    endless = b"HTTP/1.1 200 OK\r\n\r\n"
    async with Receiver(endless, endless=b"x" * 10_000) as receiver:
        answer = await Egress(DEVELOPMENT).send("GET", receiver.url, most_bytes=4096)

    assert answer.body == b"x" * 4096
    assert answer.truncated


async def test_an_answer_is_not_unpacked() -> None:
    packed = gzip.compress(b"\0" * 10_000_000)
    told = answering(200, "content-encoding: gzip", body=packed)
    async with Receiver(told) as receiver:
        answer = await Egress(DEVELOPMENT).send("GET", receiver.url)

    assert answer.body == packed
    assert not answer.truncated
    assert receiver.requests[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("told", "endless", "reason"),
    [
        (None, b"", "timeout"),
        (b"HTTP/1.1 200 OK\r\n", b"", "timeout"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx", b"", "timeout"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 X\r\n\r\n", "timeout"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"", "connection"),
        (b"HTTP/1.1 200 OK\r\n", b"a" * 9000 + b": b\r\n", "connection"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", b"", "connection"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx", b"", "connection"),
    ],
)
async def test_a_server_that_never_comes_to_an_end_is_left(
    told: bytes | None, endless: bytes, reason: str
) -> None:
    async with Receiver(told, endless=endless) as receiver:
        with pytest.raises(NoAnswerError) as caught:
            await Egress(DEVELOPMENT, timeouts=SLOW).send("GET", receiver.url)

    assert caught.value.reason == reason


async def test_a_resolver_that_is_silent_is_left_too() -> None:
    async def silent(host: str, port: int) -> Sequence[str]:
        await anyio.sleep_forever()
        return []

    egress = Egress(lookup=silent, timeouts=SLOW)

    with pytest.raises(NoAnswerError) as caught:
        await egress.send("GET", "https://example.com/")
    assert caught.value.reason == "timeout"
    with pytest.raises(CallbackForbiddenError):
        await egress.permit("https://example.com/")


async def test_a_host_that_nobody_knows_has_no_answer() -> None:
    async def unknown(host: str, port: int) -> Sequence[str]:
        raise OSError("no such name")

    with pytest.raises(NoAnswerError) as caught:
        await Egress(lookup=unknown).send("GET", "https://example.com/")

    assert caught.value.reason == "dns"
