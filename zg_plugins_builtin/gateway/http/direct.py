"""Routes that are asked most: what they take is found in the shortest way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from .json_body import JsonRoute
from .requirements import Requirement

__all__ = ["DirectRoute"]


class DirectRoute(JsonRoute):
    """A route that takes parts of its path, the request, and who asks; nothing else.

    FastAPI describes it as it does any other. To find what it takes FastAPI would take
    longer than all that has to be found out and said, so that here it is done by hand,
    in the same order and with the same refusals.

    Raises:
        TypeError: If the endpoint takes anything else.
    """

    def __init__(
        self, path: str, endpoint: Callable[..., Awaitable[Response]], **more: Any
    ) -> None:
        super().__init__(path, endpoint, **more)
        takes = self.dependant
        asks = takes.dependencies[0] if len(takes.dependencies) == 1 else None
        more_than_that = (
            *(takes.query_params, takes.header_params, takes.cookie_params),
            *(takes.body_params, takes.response_param_name),
            *(takes.http_connection_param_name, takes.background_tasks_param_name),
        )
        if (
            asks is None
            or not isinstance(asks.call, Requirement)
            or any(more_than_that)
        ):
            raise TypeError(f"{path} takes not just its path and who asks")
        self._requirement = asks.call
        self._who, self._request = asks.name, takes.request_param_name
        self.app = self._answer

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        values: dict[str, Any] = {}
        who = await self._requirement(request)
        if self._who is not None:
            values[self._who] = who
        if self._request is not None:
            values[self._request] = request
        values |= self._parts(scope["path_params"])
        response = await self.endpoint(**values)
        await response(scope, receive, send)

    def _parts(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return the parts of the path.

        Raises:
            RequestValidationError: If one is not valid.
        """
        parts = {}
        errors = []
        for field in self.dependant.path_params:
            where = ("path", field.alias)
            parts[field.name], wrong = field.validate(given[field.alias], {}, loc=where)
            errors.extend(wrong)
        if errors:
            raise RequestValidationError(errors)
        return parts
