"""A service in a process of its own, with two tenants in it, and all there can be."""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx2
from gateway.people import GOOD
from gateway.serving import Serving, serving
from sqlalchemy import Connection, insert, select

from zg_plugins_builtin.gateway.database import Database
from zg_plugins_builtin.gateway.http.rates import RATES
from zg_plugins_builtin.gateway.identity import tables as people
from zg_plugins_builtin.gateway.jobs import tables as jobs
from zg_plugins_builtin.gateway.limits import tables as limits
from zg_plugins_builtin.gateway.webhooks import tables as webhooks

__all__ = ["Inhabited", "inhabited", "problem", "raw_problem"]

TABLE = "plugins.config.builtin.gateway"
MANY = 1_000_000
"""More requests than are sent here; who is trusted may open as many connections."""
SECTION = "\n".join(
    (
        f"[{TABLE}]",
        "openapi = true",
        "trusted_proxies = ['127.0.0.1']",
        "{more}",
        f"[{TABLE}.completions]",
        "answer_seconds = 60",
        f"[{TABLE}.rates]",
        *(f"{rate.name} = {MANY}" for rate in RATES),
    )
)


@dataclass
class Inhabited:
    """The service, and who and what is in it.

    Attributes:
        serving: The process.
        folder: Where its keys and its database are.
        owner: The key of who runs it.
        stranger: A token of another tenant's owner, who may do everything there.
        refresh: That one's refresh token.
        ids: By the name of a parameter of a path, something of the host's tenant.
    """

    serving: Serving
    folder: Path
    http: httpx2.Client
    owner: str = ""
    stranger: str = ""
    refresh: str = ""
    ids: dict[str, str] = field(default_factory=dict)

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        parts = urlsplit(self.serving.address)
        return str(parts.hostname), parts.port or 0

    def ask(
        self, who: str | None, method: str, path: str, sent: Any = None, **more: Any
    ) -> httpx2.Response:
        """Send a request as somebody, on a connection that stays open."""
        headers = {**_bearer(who), **more.pop("headers", {})}
        body = {} if sent is None else {"json": sent}
        return self.http.request(method, path, headers=headers, **body, **more)

    def at_once(
        self, path: str, bodies: list[Any], **headers: str
    ) -> list[httpx2.Response]:
        """Post bodies all at once, each on a connection of its own."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        limits = httpx2.Limits(max_connections=len(bodies))
        answers: list[httpx2.Response] = []

        async def burst() -> None:
            async with (
                httpx2.AsyncClient(
                    base_url=self.serving.address, timeout=60, limits=limits
                ) as http,
                anyio.create_task_group() as group,
            ):

                async def one(sent: Any) -> None:
                    answers.append(await http.post(path, json=sent, headers=named))

                for sent in bodies:
                    group.start_soon(one, sent)

        anyio.run(burst)
        return answers

    def raw(self, *parts: bytes) -> bytes:
        """Send bytes as they are, and return what comes until the other side closes."""
        read = b""
        with socket.create_connection(self.address, timeout=20) as client:
            try:
                for part in parts:
                    client.sendall(part)
                while piece := client.recv(65536):
                    read += piece
            except (ConnectionResetError, BrokenPipeError):
                pass
        return read

    def operations(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Return each method and path that it says there is, with its description."""
        return [
            (method.upper(), path, said)
            for path, methods in sorted(self.described["paths"].items())
            for method, said in sorted(methods.items())
        ]

    @cached_property
    def described(self) -> dict[str, Any]:
        """What it says of itself."""
        described: dict[str, Any] = self.ask(self.owner, "GET", "/openapi.json").json()
        return described


def problem(answer: httpx2.Response) -> tuple[int, str]:
    """Return the status and the code of a problem, having looked at it.

    It is a document of RFC 9457, or where clients of OpenAI ask what these expect.
    """
    told = answer.json()
    assert "Traceback" not in answer.text
    if answer.request.url.path.startswith("/v1/"):
        assert answer.status_code < 500, told
        assert set(told) == {"error"}
        assert set(told["error"]) == {"message", "type", "param", "code"}
        return answer.status_code, told["error"]["code"]
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    assert told["status"] == answer.status_code < 500, told
    assert answer.headers["x-request-id"] == told["request_id"]
    return answer.status_code, told["code"]


def raw_problem(answer: bytes) -> tuple[int, str]:
    """Return the same of an answer as it came."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head.lower(), answer[:500]
    told = json.loads(body)
    assert told["status"] < 500
    return told["status"], told["code"]


def _bearer(who: str | None) -> dict[str, str]:
    return {"authorization": f"Bearer {who}"} if who else {}


@contextmanager
def inhabited(home: Path, wire: str, more: str = "", **env: str) -> Iterator[Inhabited]:
    """Serve, make another tenant, and put one of everything into the host's own.

    Args:
        home: An empty folder for all of it.
        wire: The address of what answers for a model.
        more: More lines of the configuration.
        **env: More of the environment.
    """
    (home / "config.toml").write_text(SECTION.format(more=more))
    environment = {
        "ZG_HOME": str(home),
        "ZG_OUT": str(home / "out"),
        "ZG_MODEL": "openai:gpt-test",
        "OPENAI_BASE_URL": f"{wire}/v1",
        "OPENAI_API_KEY": "sk-test-key-of-no-worth",
    }
    with serving(**environment, **env) as served:
        http = httpx2.Client(base_url=served.address, timeout=30)
        made = Inhabited(served, home / "gateway", http)
        made.owner = served.told["credential"]["secret"]
        with http:
            _settle(made, env.get("ZG_GATEWAY_DATABASE"))
            yield made


def _settle(made: Inhabited, url: str | None) -> None:
    tenant = made.ask(
        made.owner,
        "POST",
        "/api/v1/admin/tenants",
        {"name": "initech", "owner_email": "owner@initech.example"},
    ).json()
    ticket = tenant["invitation"]["ticket"]
    login = {"email": "owner@initech.example", "password": GOOD}
    reset = {"ticket": ticket, "password": GOOD}
    assert made.ask(None, "POST", "/api/v1/auth/password/reset", reset).is_success
    tokens = made.ask(None, "POST", "/api/v1/auth/login", login).json()
    made.stranger, made.refresh = tokens["access_token"], tokens["refresh_token"]
    user = {"email": "ada@host.example", "roles": ["member"], "password": GOOD}
    asked = {"objective": "Say hello", "agent": "architect"}
    key = {"name": "ci", "scopes": ["jobs:read"]}

    def post(path: str, sent: Any) -> Any:
        answer = made.ask(made.owner, "POST", f"/api/v1{path}", sent)
        assert answer.is_success, answer.text
        return answer.json()

    me = made.ask(made.owner, "GET", "/api/v1/auth/me").json()
    made.ids = {
        "tenant_id": me["tenant_id"],
        "job_id": post("/objective", asked)["job_id"],
        "user_id": post("/admin/users", user)["user_id"],
        "key_id": post("/api-keys", key)["key_id"],
    }
    path = f"/api/v1/job/{made.ids['job_id']}"
    while made.ask(made.owner, "GET", path).json()["completed_at"] is None:
        made.ask(made.owner, "GET", path, headers={"prefer": "wait=5"})
    ada = {"email": user["email"], "password": GOOD}
    made.ask(None, "POST", "/api/v1/auth/login", ada)
    database = url or f"sqlite:///{made.folder / 'gateway.db'}"
    anyio.run(_write_the_rest, made, database)


async def _write_the_rest(made: Inhabited, url: str) -> None:
    """Write what only others could bring about: webhooks, approvals, logins."""
    database = Database.at(url)
    now = datetime.now(UTC)
    host, user = made.ids["tenant_id"], made.ids["user_id"]

    def work(connection: Connection) -> None:
        session = select(people.sessions.c.id).where(people.sessions.c.user_id == user)
        made.ids["session_id"] = connection.scalar(session) or ""
        for name, table, values in _rows(host, made.ids["job_id"], now):
            made.ids[name] = values["id"]
            row = {"tenant_id": host, "user_id": user, **values}
            known = {k: v for k, v in row.items() if k in table.c}
            connection.execute(insert(table).values(known))

    await database.write(work)
    await database.close()


def _rows(
    host: str, job_id: str, now: datetime
) -> list[tuple[str, Any, dict[str, Any]]]:
    """Return rows, each with the name of the parameter that its id is."""

    def named(prefix: str) -> str:
        return f"{prefix}_{hashlib.sha256(prefix.encode()).hexdigest()[:32]}"

    question = {
        "job_id": job_id,
        "call_key": "1",
        "step": "work",
        "tool": "send",
        "arguments": {},
        "digest": "0" * 64,
        "risk": "high",
        "reason": "",
        "question": "Which?",
        "schema": {},
        "requested_at": now,
        "expires_at": now + timedelta(days=1),
        "state": "pending",
        "delivered": True,
    }
    endpoint = {
        "url": "https://hook.example.com/in",
        "events": ["job.completed"],
        "description": "",
        "asymmetric": True,
        "include_result": False,
        "enabled": True,
        "created_at": now,
    }
    delivery = {
        "url": endpoint["url"],
        "endpoint_id": named("whe"),
        "message_id": "msg_1",
        "job_id": job_id,
        "event_type": "job.completed",
        "body": "{}",
        "state": "dead",
        "tries": 1,
        "attempts": 1,
        "due_at": now,
        "created_at": now,
    }
    switch = {
        "set_in": host,
        "scope": "agent",
        "target": "nobody",
        "reason": "",
        "set_by": "operator",
        "set_at": now,
    }
    elsewhere = {"issuer": "https://id.example", "subject": "1", "created_at": now}
    return [
        ("switch_id", limits.switches, switch | {"id": named("kil")}),
        ("endpoint_id", webhooks.endpoints, endpoint | {"id": named("whe")}),
        ("delivery_id", webhooks.deliveries, delivery | {"id": named("whd")}),
        (
            "approval_id",
            jobs.questions,
            question | {"id": named("apr"), "kind": "approval"},
        ),
        (
            "interrupt_id",
            jobs.questions,
            question | {"id": named("inp"), "kind": "input"},
        ),
        (
            "identity_id",
            people.external_identities,
            elsewhere | {"id": named("ext")},
        ),
    ]
