"""Credentials that are forged, copied or long over, shown to the running service."""

from __future__ import annotations

import anyio
import pytest
from gateway.described import body_of, guarded
from gateway.inhabited import Inhabited, problem, raw_problem
from gateway.people import GOOD, OTHER
from gateway.test_forged_tokens import FORGED, Forger

from zg_plugins_builtin.gateway.database import Database
from zg_plugins_builtin.gateway.identity import Identity

ME = "/api/v1/auth/me"
LOGIN = {"email": "owner@initech.example", "password": GOOD}
NOT_BEARER = (
    {},
    {"authorization": ""},
    {"authorization": "Bearer"},
    {"authorization": "Basic {}"},
    {"authorization": "{}"},
    {"authorization": "Bearer,{}"},
    {"authorization": 'Bearer realm="{}"'},
    {"x-api-key": "{}"},
    {"api-key": "{}"},
    {"proxy-authorization": "Bearer {}"},
    {"cookie": "access_token={}; session={}; __Host-zg_access={}x"},
)
"""Where a credential may stand elsewhere; ours is in one place only."""


@pytest.fixture
def service(inhabited_service: Inhabited) -> Inhabited:
    return inhabited_service


@pytest.fixture
def forger(service: Inhabited) -> Forger:
    """Somebody who has a real token, and may have the service's key sign others."""

    async def opened() -> Identity:
        database = Database.at(f"sqlite:///{service.folder / 'unused.db'}")
        address = service.serving.address
        made = await Identity.open(
            database, service.folder, issuer=address, audience=address
        )
        made.close()
        await database.close()
        return made

    return Forger(anyio.run(opened), service.stranger)


def test_no_forged_token_is_anybodys(service: Inhabited, forger: Forger) -> None:
    details, tried = set(), 0
    for name, forge in FORGED.items():
        token = forge(forger)
        if token.strip() == forger.real or name == "something huge":
            continue  # white space around it is HTTP's; see test_server for the other
        said = token.encode("utf-8", "surrogatepass")
        head = b"GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        answer = service.raw(
            head % ME.encode() + b"Authorization: Bearer " + said + b"\r\n\r\n"
        )
        status, code = raw_problem(answer)
        tried += 1
        assert status in (400, 401, 431), name
        if status == 401 and said:
            assert code == "unauthenticated", name
            details.add(answer.partition(b'"detail": ')[2].partition(b'"code"')[0])

    assert tried > 50
    assert len(details) == 1  # nobody learns how near they came
    assert service.ask(forger.claiming(), "GET", ME).status_code == 200


def test_no_route_lets_in_who_shows_a_credential_elsewhere_or_a_forged_one(
    service: Inhabited, forger: Forger
) -> None:
    schemas = service.described["components"]["schemas"]
    forged = [FORGED[name](forger) for name in ("no algorithm", "another tenant")]
    shown = [{"authorization": f"Bearer {token}"} for token in forged]
    shown += [
        {name: value.replace("{}", service.owner) for name, value in where.items()}
        for where in NOT_BEARER
    ]
    tried = 0
    for method, path, said in service.operations():
        if guarded(said):
            body = body_of(said, schemas)
            for headers in shown if path == ME else shown[:5]:
                answer = service.ask(None, method, path, body, headers=headers)
                tried += 1
                assert problem(answer)[0] == 401, (method, path, headers)
                assert answer.headers["www-authenticate"].startswith("Bearer")

    assert tried > 300
    token = {"access_token": service.owner}
    in_query = service.ask(None, "GET", "/api/v1/jobs", params=token)
    twice = service.raw(
        b"GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" % ME.encode()
        + b"Authorization: Bearer %s\r\n" % service.owner.encode() * 2
        + b"\r\n"
    )
    assert problem(in_query)[0] == 401
    assert raw_problem(twice) == (400, "bad_request")


def test_what_was_used_up_or_ended_opens_nothing_again(service: Inhabited) -> None:
    def ask(who: str | None, method: str, path: str, sent: object = None) -> int:
        return service.ask(who, method, f"/api/v1{path}", sent).status_code

    tokens = service.ask(None, "POST", "/api/v1/auth/login", LOGIN).json()
    again = {"refresh_token": tokens["refresh_token"]}
    first = service.ask(None, "POST", "/api/v1/auth/refresh", again).json()
    second = ask(None, "POST", "/auth/refresh", again)
    by_the_next = {"refresh_token": first["refresh_token"]}
    family = [
        ask(first["access_token"], "GET", "/auth/me"),
        ask(tokens["access_token"], "GET", "/auth/me"),
        ask(None, "POST", "/auth/refresh", by_the_next),
    ]
    another = service.ask(None, "POST", "/api/v1/auth/login", LOGIN).json()
    out = [ask(another["access_token"], *o) for o in [("POST", "/auth/logout")] * 2]
    key = {"name": "short-lived", "scopes": ["jobs:read"]}
    made = service.ask(service.owner, "POST", "/api/v1/api-keys", key).json()
    revoked = [
        ask(made["key"], "GET", "/jobs"),
        ask(service.owner, "DELETE", f"/api-keys/{made['key_id']}"),
        ask(made["key"], "GET", "/jobs"),
    ]

    assert (second, family) == (401, [401, 401, 401])
    assert out == [204, 401]
    assert revoked == [200, 204, 401]


def test_a_ticket_sets_one_password_however_many_show_it_at_once(
    service: Inhabited,
) -> None:
    user = {"email": "tick@host.example", "roles": ["viewer"]}
    who = service.ask(service.owner, "POST", "/api/v1/admin/users", user).json()
    path = f"/api/v1/admin/users/{who['user_id']}/invite"
    ticket = service.ask(service.owner, "POST", path).json()["ticket"]
    bodies = [{"ticket": ticket, "password": OTHER + str(n)} for n in range(20)]

    answers = service.at_once("/api/v1/auth/password/reset", bodies)

    assert sorted(a.status_code for a in answers) == [204] + [401] * 19
