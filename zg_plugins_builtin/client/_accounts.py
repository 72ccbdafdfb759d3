"""What a client does about who asks: logging in and out, and API keys."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

from ._calls import Call, moment, path_of
from ._hooks import WebhookCalls
from .records import ApiKey, Me, Tokens

__all__ = ["AccountCalls"]


class AccountCalls(WebhookCalls):
    """Sessions and API keys."""

    async def login(
        self, email: str, password: str, *, totp: str | None = None
    ) -> Tokens:
        """Log in; from now on the client asks as this person.

        Access tokens are refreshed when they get old, as long as the client is used.

        Args:
            email: Their address.
            password: Their password.
            totp: The code of their authenticator, where they have one.

        Raises:
            SecondFactorRequiredError: If the code is needed, and was not given.
            UnauthenticatedError: If there is no such person, or the password is wrong.
        """
        second = {} if totp is None else {"totp": totp}
        call = Call(
            method="POST",
            path=path_of("auth", "login"),
            body={"email": email, "password": password, **second},
            public=True,
        )
        answer = await self._asker.ask(call)
        tokens = Tokens.of(answer.document)
        self._asker.take(tokens)
        return tokens

    async def refresh(self) -> Tokens:
        """Fetch the next pair of tokens now, which the client else does in time.

        Raises:
            UnauthenticatedError: If the session is over.
        """
        async with self._asker.wire.alone():
            return await self._asker.refresh()

    async def logout(self) -> None:
        """End the session."""
        await self._post("auth", "logout")
        self._asker.tokens = None

    async def me(self) -> Me:
        """Return who asks, and what they may do."""
        return Me.of(await self._get("auth", "me"))

    async def api_keys(self, *, user_id: str | None = None) -> AsyncIterator[ApiKey]:
        """Yield one's own keys, or another user's for who administers users."""
        query = {"user_id": user_id}
        async for row in self._asker.pages(path_of("api-keys"), query, None):
            yield ApiKey.of(row)

    async def api_key(self, key_id: str) -> ApiKey:
        """Return what is known of a key."""
        return ApiKey.of(await self._get("api-keys", key_id))

    async def create_api_key(
        self,
        name: str,
        scopes: Sequence[str],
        *,
        expires_at: datetime | None = None,
        cidrs: Sequence[str] = (),
        user_id: str | None = None,
    ) -> ApiKey:
        """Make a key; the key itself is in what is returned, and only there.

        Args:
            name: What it is for.
            scopes: What it may do; no more than who makes it.
            expires_at: When it ends.
            cidrs: The networks from which it may be used.
            user_id: Whose it is, for who administers users.
        """
        body: dict[str, Any] = {"name": name, "scopes": list(scopes)}
        if expires_at is not None:
            body["expires_at"] = moment(expires_at)
        if cidrs:
            body["cidrs"] = list(cidrs)
        if user_id is not None:
            body["user_id"] = user_id
        return ApiKey.of(await self._post("api-keys", body=body))

    async def rotate_api_key(self, key_id: str, *, overlap_seconds: int = 0) -> ApiKey:
        """Make a key that takes the place of another.

        Args:
            key_id: The old one.
            overlap_seconds: For how long that stays good.
        """
        body = {"overlap_seconds": overlap_seconds}
        return ApiKey.of(await self._post("api-keys", key_id, "rotate", body=body))

    async def revoke_api_key(self, key_id: str) -> None:
        """Make a key void."""
        path = path_of("api-keys", key_id)
        await self._asker.ask(Call(method="DELETE", path=path))
