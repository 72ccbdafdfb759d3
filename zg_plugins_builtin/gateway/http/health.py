"""Whether the service lives, whether it is ready, and which version it is."""

from __future__ import annotations

import logging

import anyio
from fastapi import APIRouter

import zg_core as zg

from ..errors import UnavailableError
from .json_body import JsonRoute
from .models import Answer
from .services import Services

__all__ = ["router"]

_log = logging.getLogger(__name__)
_SECONDS = 5


class Health(Answer):
    """That it is well; what is not is in the log, not here."""

    status: str


class Version(Answer):
    """Which version it is."""

    version: str


def router(services: Services) -> APIRouter:
    """Return the routes that anybody may ask."""
    routes = APIRouter(route_class=JsonRoute, tags=["health"])

    @routes.get("/healthz")
    async def healthz() -> Health:
        """Answer, whatever else works."""
        return Health(status="alive")

    @routes.get("/readyz")
    async def readyz() -> Health:
        """Answer 200 where requests can be served, and 503 where they cannot."""
        if services.stopping.begun:
            raise UnavailableError("the service is ending", "ask another")
        for name, check in services.checks.items():
            try:
                with anyio.fail_after(_SECONDS):
                    await check()
            except (zg.ZeroGravityError, TimeoutError) as error:
                _log.warning("health.not_ready", extra={"check": name}, exc_info=error)
                raise UnavailableError("the service is not ready", "wait") from error
        return Health(status="ready")

    @routes.get("/version")
    async def version() -> Version:
        """Answer with the version."""
        return Version(version=zg.__version__)

    return routes
