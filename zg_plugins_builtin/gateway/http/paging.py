"""Lists by pages: what a client asks for, and the page that it gets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Protocol, TypeVar

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from ..identity.principals import Principal
from .cursors import Cursors
from .models import Page, next_link

__all__ = ["Paging", "page_of"]

Shown = TypeVar("Shown")


class _HasId(Protocol):
    @property
    def id(self) -> str: ...


Row = TypeVar("Row", bound=_HasId)


@dataclass(frozen=True, slots=True)
class _Paging:
    """Which page of a list a client asks for."""

    request: Request
    response: Response
    limit: int
    cursor: str | None


async def _paging(
    request: Request,
    response: Response,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str | None, Query(max_length=1024)] = None,
) -> _Paging:
    """Return which page a client asks for: a dependency of routes."""
    return _Paging(request, response, limit, cursor)


Paging = Annotated[_Paging, Depends(_paging)]


async def page_of(
    asked: _Paging,
    by: Principal,
    fetch: Callable[[int, str | None], Awaitable[Sequence[Row]]],
    show: Callable[[Row], Shown],
    **filters: str | None,
) -> Page[Shown]:
    """Return a page of rows that have ids, in the order of these.

    Args:
        asked: Which page.
        by: Who asks; the cursor is good for their tenant.
        fetch: Returns so many rows at most, after the one of an id.
        show: Makes of a row what the client sees.
        **filters: What chose the rows; the cursor is good for the same only.
    """
    request = asked.request
    cursors: Cursors = request.app.state.services.cursors
    listing = _listing(request.url.path, filters)
    after = None
    if asked.cursor is not None:
        after = str(cursors.read(by.tid, listing, asked.cursor)[0])
    rows = await fetch(asked.limit + 1, after)
    shown = rows[: asked.limit]
    following = None
    if len(rows) > asked.limit:
        following = cursors.sign(by.tid, listing, [shown[-1].id])
        asked.response.headers["link"] = next_link(request.url, following)
    return Page[Any](
        data=[show(row) for row in shown],
        has_more=following is not None,
        next_cursor=following,
    )


def _listing(path: str, filters: dict[str, str | None]) -> str:
    given = sorted((name, value) for name, value in filters.items() if value)
    return f"{path}?{given!r}"
