"""API keys: make one, list them, replace one, make one void."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Query, Security
from pydantic import Field, StrictInt
from starlette.responses import Response

from ..identity import ApiKey, Identity, NewApiKey, Principal
from .callers import check_fresh
from .json_body import JsonRoute
from .models import Answer, Asked, Moment, Page, Text
from .paging import Paging, page_of
from .requirements import require
from .services import Services

__all__ = ["routes_of"]

_PATH = "/api/v1/api-keys"
_OVERLAP = 7 * 24 * 3600

KeyId = Annotated[str, Path(pattern=r"^key_[0-9a-f]{32}$")]
UserId = Annotated[str | None, Query(pattern=r"^usr_[0-9a-f]{32}$")]
Reader = Annotated[Principal, Security(require("keys:read"))]
Writer = Annotated[Principal, Security(require("keys:write"))]
Word = Annotated[Text, Field(max_length=100)]


class KeyWanted(Asked):
    """A key that is to be made."""

    name: Annotated[Text, Field(min_length=1, max_length=100)]
    scopes: Annotated[tuple[Word, ...], Field(min_length=1, max_length=100)]
    expires_at: Moment | None = None
    cidrs: Annotated[tuple[Word, ...], Field(max_length=20)] = ()
    user_id: Annotated[Text | None, Field(pattern=r"^usr_[0-9a-f]{32}$")] = None


class Rotation(Asked):
    """How a key gives way to another."""

    overlap_seconds: Annotated[StrictInt, Field(ge=0, le=_OVERLAP)] = 0


class OneKey(Answer):
    """What is known of a key; not the key itself."""

    key_id: str
    user_id: str
    name: str
    hint: str
    scopes: Sequence[str]
    cidrs: Sequence[str]
    created_at: Moment
    expires_at: Moment
    last_used_at: Moment | None
    revoked_at: Moment | None


class MadeKey(OneKey):
    """A key that was just made, with the key itself; it is not shown again."""

    key: str


def routes_of(identity: Identity, services: Services) -> APIRouter:
    """Return the routes.

    Args:
        identity: Who may use the service.
        services: What all routes work with.
    """
    routes = APIRouter(prefix=_PATH, route_class=JsonRoute, tags=["keys"])
    _add_making(routes, identity, services)
    _add_looking(routes, identity)
    return routes


def _add_making(routes: APIRouter, identity: Identity, services: Services) -> None:
    @routes.post("", status_code=201)
    async def create(asked: KeyWanted, response: Response, who: Writer) -> MadeKey:
        """Make a key that may do no more than who makes it."""
        _check_administrative(asked.scopes, who, services)
        made = await identity.api_keys(who.tid).create(
            who,
            asked.name,
            asked.scopes,
            expires_at=asked.expires_at,
            cidrs=asked.cidrs,
            owner=asked.user_id,
        )
        return _made(made, response)

    @routes.post("/{key_id}/rotate", status_code=201)
    async def rotate(
        key_id: KeyId, asked: Rotation, response: Response, who: Writer
    ) -> MadeKey:
        """Make a key that takes the place of another."""
        keys = identity.api_keys(who.tid)
        old = await keys.get(who, key_id)
        _check_administrative(old.scopes, who, services)
        made = await keys.rotate(who, key_id, overlap_seconds=asked.overlap_seconds)
        return _made(made, response)

    @routes.delete("/{key_id}", status_code=204)
    async def revoke(key_id: KeyId, who: Writer) -> None:
        """Make a key void."""
        await identity.api_keys(who.tid).revoke(who, key_id)


def _add_looking(routes: APIRouter, identity: Identity) -> None:
    @routes.get("")
    async def page(who: Reader, asked: Paging, user_id: UserId = None) -> Page[OneKey]:
        """List one's own keys, or another user's for who administers users."""
        owner = user_id or who.sub
        if owner != who.sub:
            who.require("admin:users")
        keys = identity.api_keys(who.tid)

        async def fetch(limit: int, after: str | None) -> list[ApiKey]:
            return await keys.list(owner, limit=limit, after=after)

        return await page_of(asked, who, fetch, _key, owner=owner)

    @routes.get("/{key_id}")
    async def get(key_id: KeyId, who: Reader) -> OneKey:
        """Return what is known of a key."""
        return _key(await identity.api_keys(who.tid).get(who, key_id))


def _check_administrative(
    scopes: Sequence[str] | frozenset[str], who: Principal, services: Services
) -> None:
    """Let only somebody who just logged in give a key what it may administer."""
    if any(scope.startswith("admin:") for scope in scopes):
        check_fresh(who, services.clock)


def _made(made: NewApiKey, response: Response) -> MadeKey:
    response.headers["location"] = f"{_PATH}/{made.key.id}"
    return MadeKey(**_key(made.key).model_dump(), key=made.secret)


def _key(key: ApiKey) -> OneKey:
    return OneKey(
        key_id=key.id,
        user_id=key.user_id,
        name=key.name,
        hint=key.hint,
        scopes=sorted(key.scopes),
        cidrs=key.cidrs,
        created_at=key.created_at,
        expires_at=key.expires_at,
        last_used_at=key.last_used_at,
        revoked_at=key.revoked_at,
    )
