"""The service behind nginx and Caddy, as the deployment guide sets them up."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from gateway.proxies import NAME, PROXIES, Proxy, certificate, free_port
from gateway.serving import Serving, serving

from zg_core.testing.wire import serve_apart

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(300)]
SETTINGS = f"""
[plugins.config.builtin.gateway]
public_url = "https://{NAME}"
trusted_proxies = ["127.0.0.1"]
"""
LATENCY = 600
"""Seconds that the model takes for its answer: no test waits for it."""


@dataclass
class Fronted:
    """A service with a proxy before it.

    Attributes:
        served: The service.
        key: The key of who runs it.
        http: Asks the proxy, by TLS.
    """

    served: Serving
    key: str
    http: httpx2.Client

    def ask(self, method: str, path: str, **more: Any) -> httpx2.Response:
        headers = {**self.headers, **more.pop("headers", {})}
        return self.http.request(method, f"/api/v1{path}", headers=headers, **more)

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.key}", "host": NAME}


@pytest.fixture(params=PROXIES, ids=lambda proxy: proxy.name)
def fronted(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Fronted]:
    proxy: Proxy = request.param
    if not proxy.installed:
        pytest.skip(f"{proxy.name} is not installed")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "config.toml").write_text(SETTINGS)
    authority = certificate(tmp_path)
    port, service = free_port(), free_port()
    proxy.configure(tmp_path, port, service)
    with serve_apart("--latency", str(LATENCY)) as model:
        environment = {
            "ZG_HOME": str(tmp_path / "home"),
            "ZG_OUT": str(tmp_path / "out"),
            "ZG_MODEL": "openai:gpt-test",
            "OPENAI_BASE_URL": f"{model}/v1",
            "OPENAI_API_KEY": "sk-test-key-of-no-worth",
        }
        with (
            serving("--port", str(service), **environment) as served,
            proxy.running(tmp_path, port),
            httpx2.Client(
                base_url=f"https://{NAME}:{port}",
                transport=_Here(port, authority),
                timeout=30,
            ) as http,
        ):
            yield Fronted(served, served.told["credential"]["secret"], http)


class _Here(httpx2.HTTPTransport):
    """Goes to this machine, whatever the name is, and checks the name."""

    def __init__(self, port: int, authority: Path) -> None:
        super().__init__(verify=ssl.create_default_context(cafile=authority))
        self._port = port

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        request.extensions["sni_hostname"] = NAME
        request.url = request.url.copy_with(host="127.0.0.1", port=self._port)
        return super().handle_request(request)


def test_events_come_through_the_proxy_while_the_job_is_under_way(
    fronted: Fronted,
) -> None:
    sent = {"objective": "Write a haiku", "agent": "engineer"}
    job = fronted.ask("POST", "/objective", json=sent).json()
    path = f"/job/{job['job_id']}"
    headers = {**fronted.headers, "accept": "text/event-stream"}
    seen = []
    with fronted.http.stream("GET", f"/api/v1{path}/events", headers=headers) as answer:
        lines = answer.iter_lines()
        for line in lines:
            name, _, value = line.partition(": ")
            if name == "event":
                seen.append(value)
            if seen[-1:] == ["job.started"]:
                break
        # What was read could not have come so if the proxy had kept it.
        assert fronted.ask("GET", path).json()["status"] == "processing"
        assert fronted.ask("POST", f"{path}/cancel").is_success
        rest = [line for line in lines if line.startswith("event")]

    assert seen[0] == "job.queued"
    assert rest[-1] == "event: stream.end"


def test_the_service_knows_who_is_behind_the_proxy_and_believes_no_client(
    fronted: Fronted,
) -> None:
    def key(cidr: str) -> str:
        sent = {"name": "one", "scopes": ["jobs:read"], "cidrs": [cidr]}
        made = fronted.ask("POST", "/api-keys", json=sent)
        assert made.status_code == 201, made.text
        secret: str = made.json()["key"]
        return secret

    claims = {"x-forwarded-for": "203.0.113.9", "forwarded": "for=203.0.113.9"}
    here = {"authorization": f"Bearer {key('127.0.0.0/8')}", **claims}
    elsewhere = {"authorization": f"Bearer {key('203.0.113.0/24')}", **claims}

    assert fronted.ask("GET", "/jobs", headers=here).status_code == 200
    assert fronted.ask("GET", "/jobs", headers=elsewhere).status_code == 401


def test_answers_of_the_service_and_of_the_proxy_are_safe_and_can_be_read(
    fronted: Fronted,
) -> None:
    answer = fronted.ask("GET", "/jobs")
    assert answer.headers["strict-transport-security"].startswith("max-age=")
    assert answer.headers["x-request-id"].startswith("req_")

    long = fronted.ask("POST", "/objective", content=json.dumps({"a": "b" * 300_000}))
    assert long.status_code == 413
    assert long.json()["code"] == "payload_too_large"

    headers = fronted.ask("GET", "/jobs", headers={"x-long": "x" * 10_000})
    assert headers.status_code == 200

    fronted.served.end()
    gone = fronted.ask("GET", "/jobs")
    assert gone.status_code in (502, 503)
    assert "Traceback" not in gone.text
