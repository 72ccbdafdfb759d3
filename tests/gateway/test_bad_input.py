"""Whatever is sent to any route of the running service, by whoever: a problem, no more.

The routes are those that the service itself says it has, so that a new one is tried
as well.
"""

from __future__ import annotations

import json
import re
from typing import Any

import httpx2
import pytest
from gateway.described import body_of, guarded, parameters_of
from gateway.inhabited import Inhabited, problem, raw_problem

VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
NOBODYS = {"name": "nobody", "provider": "nowhere", "model": "nobody"}
"""What is there for every tenant, or for none."""
MORE = {
    "PATCH /api/v1/admin/users/{user_id}": {"enabled": True},
    "POST /api/v1/job/{job_id}/input": {"payload": 1},
}
"""What goes into a body beside the least that its description asks for."""


@pytest.fixture
def service(inhabited_service: Inhabited) -> Inhabited:
    return inhabited_service


@pytest.fixture
def operations(service: Inhabited) -> list[tuple[str, str, dict[str, Any], Any]]:
    """Each operation: method, path, description, and the least body that it takes."""
    schemas = service.described["components"]["schemas"]
    return [
        (method, path, said, _body(method, path, said, schemas))
        for method, path, said in service.operations()
    ]


def _body(method: str, path: str, said: Any, schemas: Any) -> Any:
    body = body_of(said, schemas)
    more = MORE.get(f"{method} {path}", {})
    return body | more if isinstance(body, dict) else body


# -- Bodies --------------------------------------------------------------------------

BODIES = {
    "nothing": b"[",
    "a lone surrogate": rb'{"objective":"\ud800"}',
    "a lone surrogate in a name": rb'{"\udfff":1}',
    "a surrogate in UTF-8": b'{"objective":"\xed\xa0\x80"}',
    "no UTF-8": b'{"objective":"\xff"}',
    "UTF-16": '{"objective":"x"}'.encode("utf-16"),
    "NaN": b'{"objective":NaN}',
    "Infinity": b'{"timeout_s":-Infinity}',
    "beyond every float": b'{"timeout_s":1e999}',
    "beyond what floats keep": b'{"budget":{"max_tokens":9007199254740993}}',
    "100,000 digits": b"1" * 100_000,
    "a name twice": b'{"objective":"a","objective":"b"}',
    "a name twice in two spellings": rb'{"objective":"a","o\u0062jective":"b"}',
    "20,000 levels": b"[" * 20_000 + b"]" * 20_000,
    "20,000 levels of objects": b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    "two values": b"{} {}",
}


def test_no_route_reads_what_could_be_read_in_two_ways(
    service: Inhabited, operations: Any
) -> None:
    tried = 0
    for method, path, _said, body in operations:
        if body is None:
            continue
        for name, sent in BODIES.items():
            answer = service.ask(
                service.owner,
                method,
                _filled(path, service.ids),
                content=sent,
                headers={"content-type": "application/json"},
            )
            tried += 1
            assert problem(answer) == (400, "malformed_json"), (method, path, name)
            assert len(answer.content) < 700

    assert tried > 200


def test_no_route_reads_what_is_no_json_or_too_long(
    service: Inhabited, operations: Any
) -> None:
    json_kind = {"content-type": "application/json"}
    for method, path, _said, body in operations:
        if body is None:
            continue
        there, content = _filled(path, service.ids), json.dumps(body).encode()
        other = service.ask(
            service.owner,
            method,
            there,
            content=content,
            headers={"content-type": "text/plain"},
        )
        long = service.ask(
            service.owner,
            method,
            there,
            content=b'"' + b"x" * 300_000 + b'"',
            headers=json_kind,
        )
        extra = service.ask(service.owner, method, there, {**body, "unknown_": 1})

        assert problem(other) == (415, "unsupported_media_type"), path
        assert problem(long) == (413, "payload_too_large"), path
        if path.startswith("/api/"):  # OpenAI's clients send what only it knows
            assert problem(extra) == (422, "validation_error"), path


# -- Queries and cursors -------------------------------------------------------------

NUMBERS = ("0", "-1", "101", "NaN", "1e9", "٣", "1" * 400, "", "1;2", "0x1", "\x00")
CURSORS = ("x", "", "A" * 2000, "=", "é", "null", "../..", "eyJpZCI6MX0", "%00")


def test_no_list_takes_a_number_or_a_cursor_that_is_not_its_own(
    service: Inhabited, operations: Any
) -> None:
    lists = [
        path
        for method, path, said, _ in operations
        if method == "GET" and "cursor" in parameters_of(said, "query")
    ]
    for path in lists:
        there = _filled(path, service.ids)
        for name, values in (("limit", NUMBERS), ("cursor", CURSORS)):
            for value in values:
                told = {
                    problem(service.ask(who, "GET", there, params={name: value}))
                    for who in (service.owner, service.stranger)
                }
                # A key sees no sessions, and only who runs it sees tenants.
                assert {status for status, _ in told} <= {403, 404, 422}, path
                assert (422, "validation_error") in told, (path, value)

    assert len(lists) > 6


def test_a_cursor_is_good_for_its_own_list_and_its_own_tenant(
    service: Inhabited, operations: Any
) -> None:
    for number in range(2):
        sent = {"name": f"key {number}", "scopes": ["jobs:read"]}
        for who in (service.owner, service.stranger):
            assert service.ask(who, "POST", "/api/v1/api-keys", sent).is_success
    first = service.ask(service.owner, "GET", "/api/v1/api-keys?limit=1").json()
    cursor = first["next_cursor"]

    for method, path, said, _ in operations:
        if method != "GET" or "cursor" not in parameters_of(said, "query"):
            continue
        for who in (service.owner, service.stranger):
            there = _filled(path, service.ids)
            answer = service.ask(who, "GET", there, params={"cursor": cursor})
            if (path, who) == ("/api/v1/api-keys", service.owner):
                assert answer.status_code == 200
            else:
                assert problem(answer)[0] in (403, 404, 422), path


def test_no_route_looks_away_from_a_parameter_it_does_not_know(
    service: Inhabited, operations: Any
) -> None:
    for method, path, said, _ in operations:
        if method == "GET" and guarded(said):
            there = _filled(path, service.ids)
            answer = service.ask(service.owner, "GET", there, params={"limti": "5"})
            # Who lacks something else may be told that first.
            assert problem(answer)[0] in (400, 403, 404, 422), path


# -- Whose it is ---------------------------------------------------------------------


def test_what_is_another_tenants_is_on_no_route_and_under_no_verb(
    service: Inhabited, operations: Any
) -> None:
    """Nobody can tell somebody else's from nobody's, nor change it."""
    before = _everything(service, operations)
    bodies = {(method, path): body for method, path, _, body in operations}
    paths = sorted({path for _, path, _, _ in operations if "{" in path})
    tried = 0
    for path in paths:
        for verb in VERBS:
            body = bodies.get((verb, path))
            theirs, nobodys = (
                service.ask(
                    service.stranger,
                    verb,
                    _filled(path, ids),
                    _told(body, ids),
                )
                for ids in (service.ids, _nobodys(service.ids))
            )
            tried += 1
            assert _alike(theirs) == _alike(nobodys), (verb, path)
            if (verb, path) in bodies and "{name}" not in path:
                assert problem(theirs)[0] in (400, 403, 404), (verb, path)

    assert tried > 150
    assert _everything(service, operations) == before


def test_no_list_shows_what_is_another_tenants(
    service: Inhabited, operations: Any
) -> None:
    """With whatever filter."""
    shared = {"name", "provider"}
    secret = {v for k, v in service.ids.items() if k not in shared}
    for method, path, said, _ in operations:
        if method != "GET" or "{" in path:
            continue
        queries: list[dict[str, str]] = [{}]
        for name in parameters_of(said, "query"):
            queries += [{name: value} for value in sorted(secret)]
        for query in queries:
            answer = service.ask(service.stranger, "GET", path, params=query)
            assert answer.status_code < 500
            shown = {one for one in secret if one in answer.text}
            # What was sent may stand in the address of the next page.
            assert shown <= set(query.values()), (path, query)


def _everything(service: Inhabited, operations: Any) -> dict[str, Any]:
    """Return all that the owner sees, but for what changes by looking at it."""
    seen = {}
    for method, path, _said, _ in operations:
        # Who exports stands in the audit.
        if method == "GET" and path.startswith("/api/v1") and "export" not in path:
            answer = service.ask(service.owner, "GET", _filled(path, service.ids))
            text = answer.text.replace(answer.headers["x-request-id"], "")
            seen[path] = re.sub(r'"(last_used_at|uptime_\w+)":[^,}]*', "", text)
    return seen


def _alike(answer: httpx2.Response) -> tuple[int, Any]:
    if not answer.content:
        return answer.status_code, None
    told = answer.json()
    return answer.status_code, {
        k: v for k, v in told.items() if k not in ("instance", "request_id")
    }


def _filled(path: str, ids: dict[str, str]) -> str:
    known = {"artifact_id": f"art_{'0' * 32}", **NOBODYS, **ids}
    return re.sub(r"{(\w+)}", lambda name: known[name[1]], path)


def _told(body: Any, ids: dict[str, str]) -> Any:
    """Return a body with ids in it that are somebody's."""
    if not isinstance(body, dict):
        return body
    return {name: ids.get(name, value) for name, value in body.items()}


def _nobodys(ids: dict[str, str]) -> dict[str, str]:
    return {name: f"{one[:4]}{'0' * 31}7" for name, one in ids.items()}


# -- Paths and hosts -----------------------------------------------------------------

PATHS = (
    "//api/v1/jobs",
    "/api/v1//jobs",
    "/api/v1/jobs/",
    "/API/v1/jobs",
    "/api/v1/./jobs",
    "/api/v1/x/../jobs",
    "/api/v1/%2e%2e/v1/jobs",
    "/api/v1/jobs%00",
    "/api/v1/jobs%20",
    "/api/v1/jobs;a=b",
    "/api/v1/jobs%2f",
    "/api%2fv1%2fjobs",
    "/api/v1/jobs%3flimit=1",
    "/healthz/../api/v1/jobs",
    "/healthz%2f..%2fapi/v1/jobs",
    "/healthz;/api/v1/jobs",
    "/.well-known/../api/v1/jobs",
    "/api/v1/auth/login/../../jobs",
    "/api/v1/job/..%2fjobs",
    "/api/v1/job/%2e%2e",
    "/api/v1/job/job_0",
    "/api/v1/job/%c0%ae%c0%ae",
    "/api/v1/job/%ff",
    "/api/v1/job/'%20OR%201=1--",
    "/../../../../etc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/\\..\\..\\windows",
    "/" + "a/" * 2000,
    "/" + "%41" * 3000,
    "*",
)


def test_no_way_around_a_path_leads_to_what_stands_there(service: Inhabited) -> None:
    for path in PATHS:
        for host in ("localhost", "localhost:80"):
            line = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
            status, _ = raw_problem(service.raw(line.encode("latin-1")))

            assert status in (400, 401, 404, 405), path


HOSTS = (
    "",
    "evil.example",
    "localhost.evil.example",
    "localhost@evil.example",
    "evil.example#localhost",
    "localhost/api/v1/jobs?",
    "localhost:port",
    "localhost, evil.example",
    "[::1]evil",
    "localhost%00.evil.example",
)


def test_only_our_own_names_are_answered(service: Inhabited) -> None:
    for host in HOSTS:
        line = f"GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"

        assert raw_problem(service.raw(line.encode())) == (400, "bad_request"), host


def test_an_address_in_the_request_line_names_no_other_host(
    service: Inhabited,
) -> None:
    for line in (
        "GET http://evil.example/healthz HTTP/1.1\r\nHost: evil.example",
        "GET http://localhost/api/v1/jobs HTTP/1.1\r\nHost: localhost",
        "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443",
        "GET /healthz HTTP/1.1",
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example",
        "GET /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Host: a\r\n"
        "X-Original-URL: /healthz\r\nX-Rewrite-URL: /healthz",
        "POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nX-HTTP-Method-Override: GET",
    ):
        told = service.raw(f"{line}\r\nConnection: close\r\n\r\n".encode())

        assert raw_problem(told)[0] in (400, 401, 404, 405), line


# -- A hundred at once ---------------------------------------------------------------


def test_a_hundred_at_once_with_one_key_are_one_job_and_half_of_none(
    service: Inhabited,
) -> None:
    sent = {"objective": "Say hello", "agent": "architect", "metadata": {"burst": "1"}}
    known = {"authorization": f"Bearer {service.owner}", "idempotency_key": "burst"}
    answers = service.at_once("/api/v1/objective", [sent] * 100, **known)
    found = {"metadata.burst": "1"}
    listed = service.ask(service.owner, "GET", "/api/v1/jobs", params=found).json()
    replayed = [a for a in answers if a.headers.get("idempotent-replayed") == "true"]

    assert [a.status_code for a in answers] == [200] * 100
    assert len({a.content for a in answers}) == 1
    assert len(replayed) == 99
    assert [job["job_id"] for job in listed["data"]] == [answers[0].json()["job_id"]]
