"""The routes that are asked most answer as all others do."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Path, Security
from gateway.asking import ADA, RAISED, ask, make_app
from starlette.requests import Request
from starlette.responses import Response

from zg_plugins_builtin.gateway.http.direct import DirectRoute
from zg_plugins_builtin.gateway.http.json_answer import JsonAnswer
from zg_plugins_builtin.gateway.http.json_body import JsonRoute
from zg_plugins_builtin.gateway.http.requirements import require
from zg_plugins_builtin.gateway.http.services import Services
from zg_plugins_builtin.gateway.identity.principals import Principal

pytestmark = pytest.mark.anyio
Writer = Annotated[Principal, Security(require("jobs:write"))]
Short = Annotated[str, Path(pattern=r"^[a-z]{1,10}$")]


async def _thing(name: Short, count: int, request: Request, who: Writer) -> Response:
    if name in RAISED:
        raise RAISED[name]
    said = {"name": name, "count": count, "tenant": who.tid, "method": request.method}
    return JsonAnswer(said, headers={"etag": '"v1"'})


def things(services: Services) -> APIRouter:
    direct = APIRouter(prefix="/direct", route_class=DirectRoute)
    direct.get("/{name}/{count}")(_thing)
    usual = APIRouter(prefix="/usual", route_class=JsonRoute)
    usual.get("/{name}/{count}")(_thing)
    return APIRouter(routes=[*direct.routes, *usual.routes])


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"path": "/lamp/7"}, 200),
        ({"path": "/LAMP/7"}, 404),
        ({"path": "/lamp/many"}, 404),
        ({"path": "/LAMP/many", "headers": {}}, 401),
        ({"path": "/lamp/7", "headers": {"authorization": "Bearer bob"}}, 403),
        ({"path": "/LAMP/7?more=1"}, 422),
        ({"path": "/lamp/7", "method": "POST"}, 405),
        ({"path": "/run/7"}, 404),
        ({"path": "/bug/7"}, 500),
    ],
)
async def test_it_answers_and_refuses_as_fastapi_has_it(
    asked: dict[str, Any], status: int
) -> None:
    app = make_app(things)

    direct, usual = [await _asked(app, kind, **asked) for kind in ("direct", "usual")]

    assert direct[0] == status
    assert direct == usual


async def _asked(
    app: Any,
    kind: str,
    path: str,
    method: str = "GET",
    headers: dict[str, str] = ADA,
) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Return status, headers and body, without what differs with each request."""
    response = await ask(app, method, f"/{kind}{path}", headers=headers)
    own = ("x-request-id", "traceparent", "ratelimit", "content-length")
    told = {name: v for name, v in response.headers.items() if name not in own}
    said = response.json()
    return response.status_code, told, {**said, "request_id": "", "instance": ""}


def test_it_is_described_as_any_other() -> None:
    paths = make_app(things).openapi()["paths"]

    direct, usual = (
        paths[f"/{kind}/{{name}}/{{count}}"] for kind in ("direct", "usual")
    )

    for described in (direct, usual):
        del described["get"]["operationId"]
    assert direct == usual


async def _by_query(name: str, count: int, who: Writer, more: int = 0) -> Response:
    return Response()


async def _by_nobody(name: str, count: int) -> Response:
    return Response()


@pytest.mark.parametrize("endpoint", [_by_query, _by_nobody])
def test_what_it_would_not_find_it_does_not_take(endpoint: Any) -> None:
    routes = APIRouter(route_class=DirectRoute)

    with pytest.raises(TypeError, match="not just its path and who asks"):
        routes.get("/things/{name}/{count}")(endpoint)


async def test_a_number_of_any_size_is_told_whole() -> None:
    answer = JsonAnswer({"number": 2**70, "text": "é"})

    assert answer.body == f'{{"number":{2**70},"text":"é"}}'.encode()
