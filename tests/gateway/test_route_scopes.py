"""Every route of the service: what it takes to be let in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from fastapi.routing import APIRoute
from gateway.doors import Doors
from gateway.watches import Watch

from zg_plugins_builtin.gateway.database import Database
from zg_plugins_builtin.gateway.http.requirements import (
    PUBLIC,
    Requirement,
    unguarded,
)
from zg_plugins_builtin.gateway.identity import SCOPES, Identity, Principal

pytestmark = pytest.mark.anyio
IDS = {
    "key_id": f"key_{'0' * 32}",
    "user_id": f"usr_{'0' * 32}",
    "session_id": f"ses_{'0' * 32}",
    "tenant_id": f"ten_{'0' * 32}",
    "identity_id": f"ext_{'0' * 32}",
    "endpoint_id": f"whe_{'0' * 32}",
    "delivery_id": f"whd_{'0' * 32}",
    "provider": "elsewhere",
    "job_id": f"job_{'0' * 32}",
    "artifact_id": f"art_{'0' * 32}",
    "switch_id": f"kil_{'0' * 32}",
    "approval_id": f"apr_{'0' * 32}",
    "name": "architect",
    "model": "architect",
}
BODIES = {
    "PATCH": {"enabled": True},
    "decision": {"decision": "approve", "args_sha256": "0" * 64},
    "input": {"interrupt_id": f"inp_{'0' * 32}", "status": "resolved", "payload": 1},
}
"""What routes are sent that take more than an empty object: by method, or ending."""
SELF = {
    *("GET /me", "GET /sessions", "DELETE /sessions", "DELETE /sessions/{session_id}"),
    *("POST /logout", "POST /password/change", "POST /oauth/{provider}/link"),
    *("GET /identities", "DELETE /identities/{identity_id}", "POST /step-up"),
    *("GET /totp", "POST /totp", "POST /totp/confirm", "POST /totp/remove"),
    *("POST /totp/recovery-codes",),
}
"""What takes a credential and no scope: one's own account."""


class Lacking:
    """Knows everybody as somebody who has every scope but one."""

    def __init__(self) -> None:
        self.scope: str | None = None

    async def authenticate(self, credential: str, address: str | None) -> Principal:
        operator = Principal.operator("ten_1")
        return replace(operator, scopes=SCOPES - {self.scope})


@pytest.fixture
def doors(database: Database, identity: Identity, watch: Watch) -> Doors:
    return Doors(database, identity, watch)


def routes(doors: Doors) -> Iterator[tuple[str, str, str | None, bool]]:
    """Yield each route: method, path, scope, and whether it takes a credential."""
    for route in doors.app.routes:
        assert isinstance(route, APIRoute)
        found = [
            dependant.call
            for dependant in route.dependant.dependencies
            if isinstance(dependant.call, Requirement)
        ]
        for method in route.methods:
            yield method, route.path, found[0].scope if found else None, bool(found)


def filled(path: str) -> str:
    return re.sub(r"{(\w+)}", lambda name: IDS[name[1]], path)


async def test_no_route_is_open_that_nobody_opened(doors: Doors) -> None:
    assert list(unguarded(doors.app.routes)) == []


async def test_every_public_route_exists(doors: Doors) -> None:
    there = {f"{method} {path}" for method, path, *_ in routes(doors)}

    assert there >= PUBLIC


async def test_only_ones_own_account_takes_no_scope(doors: Doors) -> None:
    found = {
        f"{method} {path.removeprefix('/api/v1/auth')}"
        for method, path, scope, guarded in routes(doors)
        if guarded and scope is None
    }

    assert found == SELF


async def test_no_route_answers_nobody(doors: Doors) -> None:
    asked = 0
    for method, path, _scope, guarded in routes(doors):
        if guarded:
            answer = await doors.ask(None, method, filled(path))
            asked += 1
            assert answer.status_code == 401, path
            assert answer.headers["www-authenticate"] == "Bearer"

    assert asked > 30


async def test_each_route_takes_its_scope(doors: Doors) -> None:
    lacking = Lacking()
    object.__setattr__(doors.services, "authenticator", lacking)
    asked = 0
    for method, path, scope, _guarded in routes(doors):
        if scope is not None:
            lacking.scope = scope
            answer = await doors.ask("x", method, filled(path))
            asked += 1
            assert answer.status_code == 403, path
            said = answer.json()
            assert said.get("error", said)["code"] == "insufficient_scope"
            assert f'scope="{scope}"' in answer.headers["www-authenticate"]

    assert asked > 20


async def test_an_id_that_nobody_has_is_not_there_on_any_route(doors: Doors) -> None:
    object.__setattr__(doors.services, "authenticator", Lacking())
    asked = 0
    for method, path, scope, _guarded in routes(doors):
        # The agents are everybody's, by whichever name.
        if scope is None or "{" not in path or "agents" in path or "models" in path:
            continue
        empty = {} if method == "POST" else None
        body = BODIES.get(path.rpartition("/")[2], BODIES.get(method, empty))
        for there in (filled(path), re.sub(r"{\w+}", "%00'--", path)):
            answer = await doors.ask("x", method, there, body)
            asked += 1
            assert answer.status_code == 404, (method, there, answer.text)

    assert asked > 40
