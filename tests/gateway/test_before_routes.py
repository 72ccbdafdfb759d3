"""What stands before the routes: hosts, origins, framing, ids, headers, the log."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
from gateway.asking import ADA, ask, make_app, make_services
from gateway.inhabited import Inhabited

import zg_core as zg
from zg_plugins_builtin.gateway.http.access_log import Served
from zg_plugins_builtin.gateway.http.settings import HttpSettings

pytestmark = pytest.mark.anyio
PAGE = "https://app.example.com"


@pytest.mark.parametrize("given", ["abcdefgh", "A-Z_0-9-ok", "x" * 64])
async def test_a_request_keeps_the_id_that_it_came_with(given: str) -> None:
    response = await ask(make_app(), "GET", "/healthz", headers={"x-request-id": given})

    assert response.headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["short", "x" * 65, "has space", "<script>aaa", ""])
async def test_a_request_with_an_odd_id_gets_one_of_ours(given: str) -> None:
    response = await ask(make_app(), "GET", "/healthz", headers={"x-request-id": given})

    assert response.headers["x-request-id"].startswith("req_")


async def test_every_answer_has_the_headers_that_protect_it() -> None:
    response = await ask(make_app(), "GET", "/healthz")

    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
    assert "strict-transport-security" not in response.headers
    assert "server" not in response.headers


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("localhost", True),
        ("LOCALHOST:8000", True),
        ("127.0.0.1:8000", True),
        ("[::1]:8000", True),
        ("a.example.com", True),
        ("a.b.example.com", True),
        ("example.com", False),
        ("evilexample.com", False),
        ("localhost.evil.com", False),
        ("localhost/healthz?", False),
        ("localhost@evil.com", False),
        ("evil.com#localhost", False),
        ("localhost:port", False),
        ("", False),
    ],
)
async def test_only_hosts_on_the_list_are_answered(host: str, known: bool) -> None:
    app = make_app(hosts=("localhost", "127.0.0.1", "::1", "*.example.com"))

    response = await ask(app, "GET", "/healthz", headers={"host": host})

    assert response.status_code == (200 if known else 400)


@pytest.mark.parametrize("name", ["host", "content-length", "content-type"])
async def test_a_header_that_may_come_once_comes_once(name: str) -> None:
    values = {"host": "localhost", "content-length": "0", "content-type": "a/b"}
    twice = [(name, values[name])] * 2

    response = await ask(make_app(), "GET", "/healthz", headers=twice)

    assert response.status_code == 400


async def test_a_body_of_two_lengths_is_refused() -> None:
    headers = {**ADA, "content-length": "5", "transfer-encoding": "chunked"}

    response = await ask(
        make_app(), "POST", "/api/v1/notes", headers=headers, content=b"12345"
    )

    assert (response.status_code, response.json()["code"]) == (400, "bad_request")
    assert response.headers["connection"] == "close"


async def test_no_page_reads_answers_by_default() -> None:
    response = await ask(make_app(), "GET", "/healthz", headers={"origin": PAGE})

    assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize("path", ["/healthz", "/nowhere", "/api/v1/raises/bug"])
async def test_a_page_on_the_list_reads_even_problems(path: str) -> None:
    app = make_app(origins=(PAGE,), credentials=True)

    page = await ask(app, "GET", path, headers={**ADA, "origin": PAGE})
    other = await ask(app, "GET", path, headers={**ADA, "origin": "https://evil.test"})

    assert page.headers["access-control-allow-origin"] == PAGE
    assert page.headers["access-control-allow-credentials"] == "true"
    assert "access-control-allow-origin" not in other.headers


async def test_a_page_may_ask_first_what_it_may_send() -> None:
    app = make_app(origins=(PAGE,))
    asks = {
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization, content-type",
    }

    page = await ask(app, "OPTIONS", "/x", headers={"origin": PAGE, **asks})
    other = await ask(app, "OPTIONS", "/x", headers={"origin": "null", **asks})

    assert page.status_code == 204
    assert page.headers["access-control-allow-origin"] == PAGE
    assert (other.status_code, other.json()["code"]) == (403, "forbidden")
    assert "access-control-allow-origin" not in other.headers


async def test_a_page_may_send_whatever_a_route_of_the_service_takes(
    inhabited_service: Inhabited,
) -> None:
    app = make_app(origins=(PAGE,))
    methods = {method for method, _, _ in inhabited_service.operations()}

    for method in methods:
        asks = {"origin": PAGE, "access-control-request-method": method}
        assert (await ask(app, "OPTIONS", "/x", headers=asks)).is_success, method
    assert {"GET", "POST", "PUT", "PATCH", "DELETE"} <= methods


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"origins": ("*",), "credentials": True}, "every origin"),
        ({"origins": ("app.example.com",)}, "no web origin"),
        ({"origins": ("https://*.example.com",)}, "no web origin"),
        ({"origins": ("https://example.com/",)}, "no web origin"),
        ({"hosts": ("*",)}, "no host"),
        ({"hosts": ()}, "no host"),
        ({"hosts": ("a.*.com",)}, "no host"),
        ({"trusted_proxies": ("*",)}, "no address"),
        ({"trusted_proxies": ("0.0.0.0/0",)}, "everybody"),
    ],
)
def test_settings_that_protect_nothing_are_refused(
    settings: dict[str, object], said: str
) -> None:
    with pytest.raises(zg.ConfigError, match=said):
        HttpSettings(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("trusted", "said", "address"),
    [
        ((), "6.6.6.6", "192.0.2.7"),
        (("192.0.2.7",), "203.0.113.9", "203.0.113.9"),
        (("192.0.2.0/24",), "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        (("192.0.2.0/24",), "203.0.113.9, 192.0.2.8", "203.0.113.9"),
        (("198.51.100.1",), "6.6.6.6", "192.0.2.7"),
    ],
)
async def test_only_a_trusted_proxy_says_who_the_client_is(
    trusted: tuple[str, ...], said: str, address: str
) -> None:
    services = make_services(trusted_proxies=trusted)
    headers = {**ADA, "x-forwarded-for": said}

    await ask(make_app(services=services), "GET", "/api/v1/notes/1", headers=headers)

    assert services.authenticator.asked == [("ada", address)]


async def test_a_trusted_proxy_says_that_it_was_reached_by_tls() -> None:
    headers = {"x-forwarded-proto": "https"}

    yes = await ask(
        make_app(trusted_proxies=("192.0.2.7",)), "GET", "/healthz", headers=headers
    )
    no = await ask(make_app(), "GET", "/healthz", headers=headers)

    assert "strict-transport-security" in yes.headers
    assert "strict-transport-security" not in no.headers


async def test_the_log_tells_the_route_and_nothing_that_was_given(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told: list[Served] = []
    services = replace(make_services(), served=told.append)
    caplog.set_level(logging.INFO, "zg_plugins_builtin.gateway")

    await ask(make_app(services=services), "GET", "/api/v1/notes/12?limit=34")
    await ask(make_app(services=services), "GET", "/canary")

    assert [(s.method, s.route, s.status) for s in told] == [
        ("GET", "/api/v1/notes/{number}", 200),
        ("GET", "", 404),
    ]
    lines = [vars(record) for record in caplog.records]
    assert [line["msg"] for line in lines] == ["http.request"] * 2
    assert "canary" not in str(lines)
    assert "limit" not in str(lines)
