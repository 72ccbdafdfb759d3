"""Log in, stay logged in, log out; and what somebody may see of their own account."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias

from fastapi import APIRouter, Depends, Path, Security
from pydantic import Field, StrictBool, StrictStr
from starlette.requests import Request
from starlette.responses import Response

from ..identity import Identity, Principal, Session, TokenPair
from .callers import address_of, check_person, client_of
from .cookies import (
    REFRESH,
    by_cookie,
    check_page,
    drop_cookies,
    give_cookies,
    token_in_cookie,
)
from .json_body import JsonRoute
from .login_rates import take_login
from .models import Answer, Asked, Moment, Page
from .paging import Paging, page_of
from .requirements import by_address, require

__all__ = ["Secret", "TokenAnswer", "Tokens", "answer_pair", "routes_of"]

SessionId = Annotated[str, Path(pattern=r"^ses_[0-9a-f]{32}$")]
Reader = Annotated[Principal, Security(require(rate="read"))]
Writer = Annotated[Principal, Security(require(rate="write"))]
# Whatever is no password, or no token, is answered as a wrong one.
Secret = Annotated[StrictStr, Field(min_length=1, max_length=1024)]


class Login(Asked):
    """Who wants to log in; a page asks for cookies in the place of tokens."""

    email: Annotated[StrictStr, Field(min_length=1, max_length=1024)]
    password: Secret
    totp: Annotated[StrictStr | None, Field(min_length=1, max_length=64)] = None
    browser: StrictBool = False


class Refresh(Asked):
    """The refresh token of the last pair; a browser has it in a cookie."""

    refresh_token: Secret | None = None


class PasswordChange(Asked):
    """A password, and the one that is to take its place."""

    current_password: Secret
    new_password: Secret


class PasswordReset(Asked):
    """A ticket, and the password that it is to set."""

    ticket: Secret
    password: Secret


class Tokens(Answer):
    """What somebody who logged in goes on with."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"
    expires_in: int
    refresh_token: str

    @classmethod
    def of(cls, pair: TokenPair) -> Tokens:
        """Return a pair of tokens as a client sees it."""
        return cls(
            access_token=pair.access_token,
            expires_in=pair.expires_in,
            refresh_token=pair.refresh_token,
        )


class InCookies(Answer):
    """The same for a page: a browser keeps the tokens, and no script sees them."""

    token_type: Literal["Cookie"] = "Cookie"
    expires_in: int


TokenAnswer: TypeAlias = Tokens | InCookies


class Me(Answer):
    """Who asks, and what they may do."""

    kind: str
    tenant_id: str
    user_id: str
    email: str
    name: str
    roles: Sequence[str]
    scopes: Sequence[str]
    session_id: str | None
    key_id: str | None
    auth_time: Moment | None
    expires_at: Moment


class OneSession(Answer):
    """One time that somebody logged in."""

    session_id: str
    client: str
    address: str
    auth_time: Moment
    last_used_at: Moment
    expires_at: Moment
    current: bool


def routes_of(identity: Identity) -> APIRouter:
    """Return the routes.

    Args:
        identity: Who may use the service.
    """
    routes = APIRouter(prefix="/api/v1/auth", route_class=JsonRoute, tags=["auth"])
    _add_logins(routes, identity)
    _add_passwords(routes, identity)
    _add_account(routes, identity)
    _add_sessions(routes, identity)
    return routes


def _add_logins(routes: APIRouter, identity: Identity) -> None:
    known = [Depends(by_address)]

    @routes.post("/login", dependencies=known)
    async def login(asked: Login, request: Request, response: Response) -> TokenAnswer:
        """Open a session."""
        take_login(request, asked.email)
        if asked.browser:
            check_page(request)
        pair = await identity.logins.login(
            asked.email,
            asked.password,
            totp=asked.totp,
            client=client_of(request),
            address=address_of(request),
        )
        if asked.browser:
            return _kept(response, pair)
        return Tokens.of(pair)

    @routes.post("/refresh", dependencies=known)
    async def refresh(
        asked: Refresh, request: Request, response: Response
    ) -> TokenAnswer:
        """Return the next pair of tokens; the refresh token is used up by it."""
        if asked.refresh_token is not None:
            return Tokens.of(await identity.logins.refresh(asked.refresh_token))
        token = token_in_cookie(request, REFRESH)
        check_page(request)
        return _kept(response, await identity.logins.refresh(token))

    @routes.post("/logout", status_code=204)
    async def logout(request: Request, response: Response, who: Writer) -> None:
        """End the session that asks."""
        await identity.logins.logout(who)
        if by_cookie(request):
            drop_cookies(response)


def _add_passwords(routes: APIRouter, identity: Identity) -> None:
    @routes.post("/password/change")
    async def change(
        asked: PasswordChange, request: Request, response: Response, who: Writer
    ) -> TokenAnswer:
        """Set another password; all sessions end, and a new one begins."""
        check_person(who)
        take_login(request, who.sub)
        pair = await identity.logins.change_password(
            who, asked.current_password, asked.new_password, client=client_of(request)
        )
        return answer_pair(request, response, pair)

    @routes.post("/password/reset", status_code=204, dependencies=[Depends(by_address)])
    async def reset(asked: PasswordReset, request: Request) -> None:
        """Set the password that an invitation lets somebody set, once."""
        take_login(request, "")
        await identity.logins.redeem(asked.ticket, asked.password)


def _add_account(routes: APIRouter, identity: Identity) -> None:
    @routes.get("/me")
    async def me(who: Reader) -> Me:
        """Answer who asks."""
        user = await identity.users(who.tid).get(who.sub)
        return Me(
            kind=who.kind,
            tenant_id=who.tid,
            user_id=who.sub,
            email=user.email,
            name=user.name,
            roles=sorted(who.roles),
            scopes=sorted(who.scopes),
            session_id=who.session_id,
            key_id=who.key_id,
            auth_time=who.auth_time,
            expires_at=who.expires_at,
        )


def _add_sessions(routes: APIRouter, identity: Identity) -> None:
    @routes.get("/sessions")
    async def sessions(who: Reader, asked: Paging) -> Page[OneSession]:
        """List the sessions of who asks, the latest first."""
        check_person(who)
        living = await identity.sessions(who.tid).list(who.sub)

        async def fetch(limit: int, after: str | None) -> list[Session]:
            return [s for s in living if after is None or s.id < after][:limit]

        return await page_of(asked, who, fetch, lambda s: _session(s, who))

    @routes.delete("/sessions", status_code=204)
    async def end_all(who: Writer) -> None:
        """End all sessions of who asks, this one too."""
        check_person(who)
        await identity.sessions(who.tid).revoke_all(who, who.sub)

    @routes.delete("/sessions/{session_id}", status_code=204)
    async def end(session_id: SessionId, who: Writer) -> None:
        """End a session: one's own, or anybody's for who administers users."""
        check_person(who)
        await identity.sessions(who.tid).revoke(who, session_id)


def answer_pair(request: Request, response: Response, pair: TokenPair) -> TokenAnswer:
    """Give a pair of tokens to who asks, in the way that they showed who they are."""
    return _kept(response, pair) if by_cookie(request) else Tokens.of(pair)


def _kept(response: Response, pair: TokenPair) -> InCookies:
    give_cookies(response, pair)
    return InCookies(expires_in=pair.expires_in)


def _session(session: Session, who: Principal) -> OneSession:
    return OneSession(
        session_id=session.id,
        client=session.client,
        address=session.address,
        auth_time=session.auth_time,
        last_used_at=session.last_used_at,
        expires_at=session.expires_at,
        current=session.id == who.session_id,
    )
