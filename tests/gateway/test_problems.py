"""Problems: every answer that is not a success is one, with all its headers."""

from __future__ import annotations

import inspect
import json

import jsonschema
import pytest
from fastapi import APIRouter, HTTPException, Request, Security
from gateway.asking import ADA, RAISED, ask, make_app

from zg_plugins_builtin.gateway import errors
from zg_plugins_builtin.gateway.errors import GatewayError
from zg_plugins_builtin.gateway.http.app import SECTIONS, create_app
from zg_plugins_builtin.gateway.http.documented import CODES
from zg_plugins_builtin.gateway.http.json_body import JsonRoute
from zg_plugins_builtin.gateway.http.problems import document
from zg_plugins_builtin.gateway.http.requirements import require
from zg_plugins_builtin.gateway.http.services import Services

pytestmark = pytest.mark.anyio
NOBODY: dict[str, str] = {}
BOB = {"authorization": "Bearer bob"}

# In the contract with clients, in this spelling.
PROMISED = {
    "validation_error",
    "malformed_json",
    "payload_too_large",
    "unsupported_media_type",
    "unauthenticated",
    "token_expired",
    "forbidden",
    "insufficient_scope",
    "not_found",
    "method_not_allowed",
    "conflict",
    "idempotency_key_reused",
    "idempotency_in_progress",
    "precondition_failed",
    "job_not_cancellable",
    "job_not_terminal",
    "approval_stale",
    "approval_expired",
    "approval_decided",
    "input_schema_mismatch",
    "callback_url_forbidden",
    "quota_exceeded",
    "budget_exceeded",
    "concurrency_exceeded",
    "queue_full",
    "temporarily_unavailable",
    "sandbox_unavailable",
    "agent_disabled",
    "internal_error",
}


def schema() -> dict[str, object]:
    return {
        "$ref": "#/components/schemas/Problem",
        "components": make_app().openapi()["components"],
    }


def test_every_promised_code_exists() -> None:
    assert set(CODES) >= PROMISED


def test_every_error_of_the_service_is_in_the_tree_that_is_written_down() -> None:
    kinds = [
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, GatewayError)
    ]
    written = inspect.getdoc(errors) or ""

    missing = {
        kind.__name__
        for kind in kinds
        if f"{kind.__name__} " not in written or kind.code not in written
    }

    assert not missing
    assert {kind.__name__ for kind in kinds} <= set(errors.__all__)


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "code"),
    [
        ("GET", "/nowhere", NOBODY, 404, "not_found"),
        ("GET", "/api/v1/notes/1/", ADA, 404, "not_found"),
        ("GET", "/api/v1/notes/one", ADA, 404, "not_found"),
        ("PUT", "/healthz", NOBODY, 405, "method_not_allowed"),
        ("GET", "/api/v1/notes/1", NOBODY, 401, "unauthenticated"),
        ("POST", "/api/v1/notes", {**BOB}, 403, "insufficient_scope"),
        ("GET", "/api/v1/notes/1?limit=x", ADA, 422, "validation_error"),
        ("GET", "/api/v1/raises/run", ADA, 404, "not_found"),
        ("GET", "/api/v1/raises/input", ADA, 422, "validation_error"),
        ("GET", "/api/v1/raises/journal", ADA, 503, "temporarily_unavailable"),
        ("GET", "/api/v1/raises/bug", ADA, 500, "internal_error"),
        ("GET", "/healthz", {"host": "elsewhere.example"}, 400, "bad_request"),
        ("GET", "/healthz", {"host": "evil/healthz?"}, 400, "bad_request"),
    ],
)
async def test_every_failure_is_a_problem_document(
    method: str, path: str, headers: dict[str, str], status: int, code: str
) -> None:
    sent = {"json": {"text": "x"}} if method == "POST" else {}

    response = await ask(make_app(), method, path, headers=headers, **sent)

    problem = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert (response.status_code, problem["status"]) == (status, status)
    assert problem["code"] == code
    assert problem["type"].endswith("/" + code.replace("_", "-"))
    assert problem["request_id"] == response.headers["x-request-id"]
    assert problem["instance"] == path.partition("?")[0]
    assert response.headers["content-security-policy"].startswith("default-src 'none'")
    jsonschema.validate(problem, schema())


async def test_each_fault_is_pointed_at_and_nothing_given_comes_back() -> None:
    sent = {
        "text": "a\x01secret",
        "priority": "secret",
        "sec/ret": "secret",
        "tags": [1],
    }

    response = await ask(make_app(), "POST", "/api/v1/notes", json=sent)

    problem = response.json()
    faults = {fault["pointer"]: fault["code"] for fault in problem["errors"]}
    assert faults == {
        "/text": "pattern",
        "/priority": "enum",
        "/sec~1ret": "unknown_field",
        "/tags/0": "string_type",
    }
    assert problem["detail"] == "4 things are wrong"
    assert "secret" not in response.text


async def test_a_fault_outside_the_body_names_the_parameter() -> None:
    response = await ask(make_app(), "GET", "/api/v1/notes/1?limit=secret")

    (fault,) = response.json()["errors"]
    assert (fault["parameter"], fault["in"]) == ("limit", "query")
    assert "secret" not in response.text


async def test_a_parameter_that_the_route_does_not_know_is_a_fault() -> None:
    response = await ask(make_app(), "GET", "/api/v1/notes/1?limit=1&limits=2&x=%00")

    faults = response.json()["errors"]
    assert [(f["parameter"], f["code"]) for f in faults] == [
        ("limits", "unknown_parameter"),
        ("x", "unknown_parameter"),
    ]


async def test_a_parameter_that_is_there_twice_is_a_fault() -> None:
    response = await ask(make_app(), "GET", "/api/v1/notes/1?limit=1&limit=2")

    assert response.status_code == 422
    (fault,) = response.json()["errors"]
    assert (fault["parameter"], fault["code"]) == ("limit", "repeated_parameter")


async def test_a_route_may_read_parameters_of_one_beginning_itself() -> None:
    class Tagged(JsonRoute):
        query_prefixes = ("tag.",)

    def tags(services: Services) -> APIRouter:
        routes = APIRouter(route_class=Tagged)

        @routes.get("/tags", dependencies=[Security(require("jobs:read"))])
        async def get(request: Request) -> dict[str, str]:
            return dict(request.query_params)

        return routes

    app = make_app(tags)

    assert (await ask(app, "GET", "/tags?tag.a=1")).json() == {"tag.a": "1"}
    assert (await ask(app, "GET", "/tags?tags=1")).status_code == 422


async def test_ten_thousand_faults_make_no_long_answer() -> None:
    sent = {"text": "x", "tags": [1] * 10_000, "y" * 100_000: 1}

    response = await ask(make_app(), "POST", "/api/v1/notes", json=sent)

    assert response.status_code == 422
    assert len(response.content) < 4_000


@pytest.mark.parametrize("name", sorted(RAISED))
async def test_what_is_inside_stays_inside(name: str) -> None:
    response = await ask(make_app(), "GET", f"/api/v1/raises/{name}")

    assert "secret" not in response.text


async def test_the_headers_of_an_error_are_kept() -> None:
    wrong = await ask(make_app(), "PUT", "/healthz")
    nobody = await ask(make_app(), "GET", "/api/v1/notes/1", headers={})
    scope = await ask(
        make_app(), "POST", "/api/v1/notes", headers=BOB, json={"text": ""}
    )
    later = await ask(make_app(), "GET", "/api/v1/raises/journal")

    assert wrong.headers["allow"] == "GET"
    assert nobody.headers["www-authenticate"] == "Bearer"
    assert 'scope="jobs:write"' in scope.headers["www-authenticate"]
    assert later.headers["retry-after"] == "1"


async def test_a_status_that_we_have_no_word_for_is_kept() -> None:
    def teapots(services: Services) -> APIRouter:
        routes = APIRouter(route_class=JsonRoute)

        @routes.get("/readyz")
        async def pour() -> None:
            raise HTTPException(418, "secret")

        return routes

    services = make_app().state.services
    response = await ask(create_app(services, (teapots,)), "GET", "/readyz")

    assert (response.status_code, response.json()["status"]) == (418, 418)
    assert "secret" not in response.text


def test_details_of_an_error_cannot_pass_for_the_problem_itself() -> None:
    error = GatewayError("no", code="mine", status=200, more=1)

    problem = document(error, instance="/", request="req_1")

    assert (problem["code"], problem["status"]) == ("internal_error", 500)
    assert problem["more"] == 1


def test_every_operation_documents_its_problems() -> None:
    openapi = make_app().openapi()

    for operations in openapi["paths"].values():
        for operation in operations.values():
            answers = {**openapi["components"]["responses"]}
            names = [
                r["$ref"].rpartition("/")[2]
                for s, r in operation["responses"].items()
                if s != "200"
            ]
            assert "Problemdefault".lower() in [name.lower() for name in names]
            assert all(
                "application/problem+json" in answers[name]["content"] for name in names
            )
    assert "HTTPValidationError" not in json.dumps(openapi)


def test_the_sections_are_enough_for_an_application() -> None:
    assert create_app(make_app().state.services, SECTIONS).routes
