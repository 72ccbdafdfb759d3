"""Which URLs and addresses the service may call: judged without a network."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from zg_plugins_builtin.gateway.egress.addresses import is_public, plain
from zg_plugins_builtin.gateway.egress.sending import Egress
from zg_plugins_builtin.gateway.egress.targets import EgressPolicy, read_url
from zg_plugins_builtin.gateway.errors import CallbackForbiddenError

pytestmark = pytest.mark.anyio
PUBLIC = "93.184.215.14"
SERVICE = EgressPolicy()
DEVELOPMENT = EgressPolicy(insecure_loopback=True)

HOSTILE = """\
http://example.com/
ftp://example.com/
file:///etc/passwd
gopher://example.com:443/_x
unix:///run/docker.sock
//example.com/
example.com
https:example.com
https:/example.com
https:///example.com
https://
https://?x
javascript:alert(1)
data:text/plain,x
https://user@example.com/
https://user:secret@example.com/
https://example.com@127.0.0.1/
https://127.0.0.1@example.com/
https://example.com\\@127.0.0.1/
https://example.com%40127.0.0.1/
https://example.com%2f@127.0.0.1/
https://example.com#@127.0.0.1/
https://example.com/#fragment
https://example.com:22/
https://example.com:80/
https://example.com:0/
https://example.com:65979/
https://example.com:443:80/
https://example.com:\uff14\uff14\uff13/
https://example.com:/
https://127.0.0.1/
https://127.1/
https://127.0.1/
https://2130706433/
https://0x7f000001/
https://0x7f.0.0.1/
https://0177.0.0.1/
https://017700000001/
https://0/
https://0.0.0.0/
https://①②⑦.0.0.1/
https://127。0。0。1/
https://\uff11\uff12\uff17.0.0.1/
https://127.0.0.1./
https://8.8.8.8/
https://8.8.8.8.8/
https://4294967296/
https://169.254.169.254/latest/meta-data/
https://[::1]/
https://[::]/
https://[::ffff:127.0.0.1]/
https://[::ffff:7f00:1]/
https://[fe80::1%25eth0]/
https://[fe80::1%eth0]/
https://[64:ff9b::7f00:1]/
https://[2606:4700::1111]/
https://[v1.x]/
https://::1/
https://localhost/
https://LOCALHOST/
https://localhost./
https://\uff4cocalhost/
https://app.localhost/
https://metadata/
https://kubernetes/
https://metadata.google.internal/
https://printer.local/
https://router.lan/
https://1.0.0.127.in-addr.arpa/
https://example..com/
https://.example.com/
https://-x.example.com/
https://exa mple.com/
https://exam_ple.com/
https://example.com/a b
https://*.example.com/
https://${host}/
https://a.b-.com/
""".splitlines()
ODD = [
    " https://example.com/",
    "https://example.com/\r\nX-Injected: 1",
    "https://example.com/\x00",
    "https://exa\x00mple.com/",
    "https://example.com\t/",
    "https://example.com\u3000/",
    "https://example.com/\ud800",
    "https://exam\u2028ple.com/",
    "https://example.com/" + "a" * 2048,
    "https://" + "a" * 64 + ".com/",
    "https://" + "a." * 130 + "com/",
]


async def lookup(host: str, port: int) -> Sequence[str]:
    return [PUBLIC]


@pytest.mark.parametrize("url", [*HOSTILE, *ODD], ids=lambda url: ascii(url)[:40])
async def test_a_hostile_url_is_refused_even_where_its_host_is_public(
    url: str,
) -> None:
    with pytest.raises(CallbackForbiddenError) as caught:
        await Egress(lookup=lookup).permit(url)

    assert caught.value.code == "callback_url_forbidden"
    assert caught.value.status == 422


def test_there_are_more_than_forty_hostile_urls() -> None:
    assert len(set(HOSTILE)) > 40


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("https://example.com", "https://example.com/"),
        ("HTTPS://EXAMPLE.COM/A", "https://example.com/A"),
        ("https://example.com:443/a?b=c&d=%20", "https://example.com/a?b=c&d=%20"),
        ("https://example.com:8443/", "https://example.com:8443/"),
        ("https://example.com.", "https://example.com/"),
        ("https://bücher.example.org/ü", "https://xn--bcher-kva.example.org/%C3%BC"),
        (
            "https://example.com?to=me@example.com",
            "https://example.com/?to=me@example.com",
        ),
        ("https://example.com/a//b/../c", "https://example.com/a//b/../c"),
    ],
)
async def test_a_public_url_is_sent_as_it_was_judged(url: str, sent: str) -> None:
    assert await Egress(lookup=lookup).permit(url) == sent
    assert await Egress(lookup=lookup).permit(sent) == sent


@given(st.text(max_size=60).map("https://".__add__) | st.text(max_size=60))
def test_what_is_judged_is_what_would_be_sent(url: str) -> None:
    """Whatever the text, it is refused, or means the same to the HTTP client."""
    try:
        target = read_url(url, SERVICE)
    except CallbackForbiddenError:
        return

    sent = URL(target.url, encoded=True)
    assert (sent.scheme, sent.raw_host, sent.port) == ("https", target.host, 443)
    assert sent.user is None
    assert not sent.raw_fragment
    assert "." in target.host
    assert target.url.isascii()
    assert read_url(target.url, SERVICE) == target


def test_only_the_domains_of_the_list_may_be_called() -> None:
    policy = EgressPolicy(domains=frozenset(["example.com"]))

    assert read_url("https://example.com/", policy).host == "example.com"
    assert read_url("https://a.example.com/", policy).host == "a.example.com"
    for other in ("https://badexample.com/", "https://example.com.evil.org/"):
        with pytest.raises(CallbackForbiddenError, match="allowed domains"):
            read_url(other, policy)


def test_an_address_in_the_place_of_a_name_is_allowed_where_one_says_so() -> None:
    policy = EgressPolicy(literals=True)

    assert read_url("https://8.8.8.8/", policy).host == "8.8.8.8"
    assert read_url("https://[2606:4700::1111]/", policy).url == (
        "https://[2606:4700::1111]/"
    )
    for odd in ("https://0x8.8.8.8/", "https://134744072/", "https://[::1%25lo]/"):
        with pytest.raises(CallbackForbiddenError):
            read_url(odd, policy)


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8000/x", "http://localhost/", "https://localhost:9443/"],
)
def test_this_machine_may_be_called_in_development(url: str) -> None:
    assert read_url(url, DEVELOPMENT).loopback_only
    with pytest.raises(CallbackForbiddenError):
        read_url(url, SERVICE)


@pytest.mark.parametrize(
    ("url", "answers"),
    [
        ("http://example.com/", [PUBLIC]),
        ("https://example.com:9000/", [PUBLIC]),
        ("https://localhost/", [PUBLIC]),
        ("http://example.com/", ["127.0.0.1", PUBLIC]),
        ("http://example.com/", ["10.0.0.1"]),
        ("http://169.254.169.254/", ["169.254.169.254"]),
        ("https://example.com/", ["10.0.0.1"]),
    ],
)
async def test_development_opens_this_machine_and_nothing_else(
    url: str, answers: list[str]
) -> None:
    async def answering(host: str, port: int) -> Sequence[str]:
        return answers

    with pytest.raises(CallbackForbiddenError):
        await Egress(DEVELOPMENT, lookup=answering).permit(url)


# -- Addresses -----------------------------------------------------------------------


NOT_PUBLIC = """\
0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.100.100.200 127.0.0.1 127.255.255.254
168.63.129.16 169.254.169.254 169.254.170.2 172.16.0.1 172.31.255.255 192.0.0.8
192.0.0.170 192.0.0.192 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.19.255.255
198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255
:: ::1 ::7f00:1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254
::ffff:0:127.0.0.1 64:ff9b::7f00:1 64:ff9b:1::1 100::1 2001::1 2001:db8::1
2001:10::1 2001:2::1 2002:7f00:1:: 2002:a00:1::1 3fff::1 5f00::1 fc00::1
fd00:ec2::254
fe80::1 fe80::1%eth0 fe80::1%1 2606:4700::1111%1 fec0::1 ff02::1 ff0e::1 4000::1
127.1 0177.0.0.1 2130706433 1.1.1.1/32 example.com

"""
PUBLIC_ONES = """\
1.1.1.1 8.8.8.8 93.184.215.14 100.63.255.255 100.128.0.1 172.15.255.255
172.32.0.1 192.0.1.1 198.17.255.255 198.20.0.1 223.255.255.255 ::ffff:8.8.8.8
2606:4700::1111 2a00:1450:4001:830::200e 2001:4860:4860::8888 2001:200::1

"""


@pytest.mark.parametrize("text", NOT_PUBLIC.split())
async def test_an_address_that_is_not_everybodys_is_never_called(text: str) -> None:
    async def answering(host: str, port: int) -> Sequence[str]:
        return [PUBLIC, text]

    with pytest.raises(CallbackForbiddenError) as caught:
        await Egress(lookup=answering).permit("https://example.com/")

    assert text not in str(caught.value)


@pytest.mark.parametrize("text", PUBLIC_ONES.split())
async def test_an_address_of_the_internet_may_be_called(text: str) -> None:
    async def answering(host: str, port: int) -> Sequence[str]:
        return [text]

    url = "https://example.com/"
    assert await Egress(lookup=answering).permit(url) == url


@given(st.ip_addresses(v=4))
def test_what_the_standard_library_calls_private_is_not_public(
    address: IPv4Address,
) -> None:
    if address.is_private or address.is_multicast or address.is_reserved:
        assert not is_public(address)
    wrapped = plain(f"::ffff:{address}")
    assert wrapped == address


@given(st.ip_addresses(v=6))
def test_no_address_of_ipv6_is_public_by_being_forgotten(address: IPv6Address) -> None:
    special = (
        address.is_private
        or address.is_multicast
        or address.is_link_local
        or address.is_site_local
        or address.sixtofour is not None
        or address.teredo is not None
    )
    if special or int(address) >> 125 != 1:
        assert not is_public(address)


async def test_a_host_that_is_not_known_and_one_that_is_private_sound_the_same() -> (
    None
):
    async def unknown(host: str, port: int) -> Sequence[str]:
        raise OSError("not known")

    async def private(host: str, port: int) -> Sequence[str]:
        return ["10.0.0.1"]

    said = set()
    for found in (unknown, private):
        with pytest.raises(CallbackForbiddenError) as caught:
            await Egress(lookup=found).permit("https://example.com/")
        said.add(str(caught.value))

    assert len(said) == 1
