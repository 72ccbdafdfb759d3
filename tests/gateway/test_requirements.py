"""Routes: each requires something of who asks, or is on the public list."""

from __future__ import annotations

import pytest
from fastapi import APIRouter, Depends, Security
from gateway.asking import ask, make_app, make_services
from starlette.responses import Response
from starlette.routing import Mount, Route

import zg_core as zg
from zg_plugins_builtin.gateway.http.json_body import JsonRoute
from zg_plugins_builtin.gateway.http.rates import RATES, Rate
from zg_plugins_builtin.gateway.http.requirements import by_address, require
from zg_plugins_builtin.gateway.http.services import Services

pytestmark = pytest.mark.anyio


def rates(name: str, requests: int, seconds: int = 60) -> tuple[Rate, ...]:
    return tuple(
        Rate(name, requests, seconds) if rate.name == name else rate for rate in RATES
    )


def nested(services: Services) -> APIRouter:
    inner = APIRouter(route_class=JsonRoute)
    inner.add_api_route("/notes", lambda: 1, methods=["DELETE", "GET"])
    outer = APIRouter(prefix="/deep")
    outer.include_router(inner, prefix="/deeper")
    return outer


def by_ip_only(services: Services) -> APIRouter:
    routes = APIRouter(route_class=JsonRoute, dependencies=[Depends(by_address)])
    routes.add_api_route("/open", lambda: 1)
    return routes


def mounted(services: Services) -> APIRouter:
    return APIRouter(routes=[Mount("/files", Response())])


def plain(services: Services) -> APIRouter:
    return APIRouter(routes=[Route("/plain", Response())])


@pytest.mark.parametrize(
    ("section", "said"),
    [
        (nested, "DELETE /deep/deeper/notes, GET /deep/deeper/notes"),
        (by_ip_only, "GET /open"),
        (mounted, "ANY /files"),
        (plain, "/plain"),
    ],
)
def test_an_application_with_a_route_open_to_all_does_not_start(
    section: object, said: str
) -> None:
    with pytest.raises(zg.ConfigError, match=said):
        make_app(section)


def test_an_application_with_lax_json_does_not_start() -> None:
    def lax(services: Services) -> APIRouter:
        routes = APIRouter(dependencies=[Security(require("jobs:read"))])
        routes.add_api_route("/lax", lambda: 1)
        return routes

    with pytest.raises(zg.ConfigError, match="two ways"):
        make_app(lax)


def test_a_scope_that_does_not_exist_cannot_be_required() -> None:
    with pytest.raises(ValueError, match="jobs:reed"):
        require("jobs:reed")


@pytest.mark.parametrize(
    ("scope", "rate"),
    [("jobs:read", "read"), ("jobs:write", "write"), ("approvals:decide", "write")],
)
def test_a_scope_says_which_rate_its_route_has(scope: str, rate: str) -> None:
    assert require(scope).rate == rate


@pytest.mark.parametrize(
    "said", ["", "ada", "Basic ada", "Bearer", "Bearer ", "Bearer eve", "bearer  "]
)
async def test_without_a_credential_of_somebody_nothing_is_answered(said: str) -> None:
    headers = {"authorization": said}

    response = await ask(make_app(), "GET", "/api/v1/notes/1", headers=headers)

    assert response.status_code == 401


async def test_a_credential_stands_in_one_header_only() -> None:
    given = [("authorization", "Bearer ada"), ("authorization", "Bearer bob")]

    response = await ask(make_app(), "GET", "/api/v1/notes/1", headers=given)

    assert response.status_code == 400


async def test_each_answer_says_what_is_left() -> None:
    app = make_app()

    first = await ask(app, "GET", "/api/v1/notes/1")
    second = await ask(app, "GET", "/api/v1/notes/1")

    assert first.headers["ratelimit-policy"] == '"read";q=600;w=60'
    assert first.headers["ratelimit"] == '"read";r=599;t=1'
    assert second.headers["ratelimit"].startswith('"read";r=598;')


async def test_one_request_too_many_is_a_problem_that_says_when() -> None:
    app = make_app(rates=rates("write", 2))
    answers = [
        await ask(app, "POST", "/api/v1/notes", json={"text": "x"}) for _ in range(3)
    ]

    assert [a.status_code for a in answers] == [200, 200, 429]
    assert answers[2].json()["code"] == "quota_exceeded"
    assert answers[2].headers["retry-after"] == "30"
    assert answers[2].headers["ratelimit-policy"] == '"write";q=2;w=60'
    assert answers[2].headers["ratelimit"] == '"write";r=0;t=60'


async def test_classes_of_routes_and_people_are_counted_apart() -> None:
    app = make_app(rates=rates("read", 1))
    bob = {"authorization": "Bearer bob"}

    ada = [await ask(app, "GET", "/api/v1/notes/1") for _ in range(2)]
    other = await ask(app, "GET", "/api/v1/notes/1", headers=bob)
    write = await ask(app, "POST", "/api/v1/notes", json={"text": "x"})

    assert [a.status_code for a in ada] == [200, 429]
    assert (other.status_code, write.status_code) == (200, 200)


async def test_who_guesses_credentials_is_stopped_by_address() -> None:
    services = make_services(rates=rates("address", 3))
    app = make_app(services=services)
    eve = {"authorization": "Bearer eve"}

    async def tries(address: str, headers: dict[str, str]) -> int:
        answer = await ask(
            app, "GET", "/api/v1/notes/1", headers=headers, client=(address, 1)
        )
        return answer.status_code

    guesses = [await tries(f"198.51.100.{n}", eve) for n in range(4)]

    assert guesses == [401, 401, 401, 429]
    assert await tries("203.0.113.1", eve) == 401
    assert await tries("198.51.100.9", {"authorization": ""}) == 429
    ada = {"authorization": "Bearer ada"}
    assert await tries("198.51.100.9", ada) == 200, "the neighbours do not wait"
    assert await tries("198.51.100.1", ada) == 200
    assert await tries("198.51.100.9", eve) == 429, "who is known resets nothing"


async def test_who_is_known_is_not_counted_by_address() -> None:
    app = make_app(rates=rates("address", 1))

    answers = [await ask(app, "GET", "/api/v1/notes/1") for _ in range(3)]

    assert {a.status_code for a in answers} == {200}
