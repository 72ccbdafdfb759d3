"""The application: the routes, and in which order what stands before them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fastapi import APIRouter, FastAPI, Security
from fastapi.openapi.utils import get_openapi
from fastapi.telemetry import TelemetryConfig
from starlette.types import ASGIApp
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

import zg_core as zg

from . import health
from .access_log import AccessLog
from .body_limit import BodyLimit
from .documented import with_problems
from .examples import with_examples
from .framing import Framing
from .handlers import install_handlers
from .hosts import Hosts
from .json_body import JsonRoute
from .links import with_links
from .origins import Origins
from .requirements import check_requirements, require
from .response_headers import ResponseHeaders
from .services import Services

__all__ = ["SECTIONS", "Section", "create_app"]

Section = Callable[[Services], APIRouter]

# The routes, by subject: each module has one `router(services)`.
SECTIONS: tuple[Section, ...] = (health.router,)


# FastAPI's own would record messages of exceptions and queries.
_NO_TELEMETRY: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}


def create_app(services: Services, sections: Sequence[Section] = SECTIONS) -> FastAPI:
    """Return the application.

    Args:
        services: What the routes work with.
        sections: The routes, by subject.

    Raises:
        ConfigError: If a route neither requires anything nor is on the public list.
    """
    app = _Service(services)
    for section in sections:
        # Not `include_router`: each request would look through its routes twice.
        app.router.routes.extend(section(services).routes)
    if services.settings.openapi:
        app.router.routes.extend(_openapi(app).routes)
    check_requirements(app.routes)
    return app


class _Service(FastAPI):
    """FastAPI, with everything of ours outside of what it does by itself."""

    def __init__(self, services: Services) -> None:
        super().__init__(
            title="ZeroGravity",
            version=zg.__version__,
            openapi_url=None,
            redirect_slashes=False,
            telemetry=_NO_TELEMETRY,
        )
        self.state.services = services
        install_handlers(self)

    def build_middleware_stack(self) -> ASGIApp:
        """Return what answers requests; even a failed one gets all our headers."""
        services: Services = self.state.services
        settings = services.settings
        app = super().build_middleware_stack()
        app = BodyLimit(app, settings.longest_body)
        if settings.origins:
            app = Origins(app, settings)
        app = Hosts(app, settings.hosts)
        app = Framing(app)
        app = AccessLog(app, services.clock, services.served, services.serving)
        app = ResponseHeaders(app, services.clock)
        if settings.trusted_proxies:
            proxies = list(settings.trusted_proxies)
            return ProxyHeadersMiddleware(app, proxies)  # type: ignore[arg-type,return-value]
        return app

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        if self.openapi_schema is None:
            made = get_openapi(
                title=self.title, version=self.version, routes=self.routes
            )
            self.openapi_schema = with_examples(with_links(with_problems(made)))
        return self.openapi_schema


def _openapi(app: FastAPI) -> APIRouter:
    routes = APIRouter(route_class=JsonRoute, include_in_schema=False)

    @routes.get("/openapi.json", dependencies=[Security(require(rate="read"))])
    async def openapi() -> dict[str, Any]:
        return app.openapi()

    return routes
