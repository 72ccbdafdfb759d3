"""Log in by GitHub, which has a way of its own to say who somebody is."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from ..errors import UnauthenticatedError
from .provider_calls import Sends, fetch_json, fetch_tokens, strange
from .providers import External, OAuthProvider

__all__ = ["GitHub"]

API = "https://api.github.com"


class GitHub:
    """GitHub.

    Args:
        provider: What we are called there.
        sends: What sends requests.
    """

    def __init__(self, provider: OAuthProvider, sends: Sends) -> None:
        self._provider = provider
        self._sends = sends

    async def address(
        self, redirect_uri: str, state: str, nonce: str, challenge: str
    ) -> str:
        """Return where a browser is sent to log in."""
        query = urlencode(
            {
                "client_id": self._provider.client_id,
                "redirect_uri": redirect_uri,
                "scope": " ".join(self._provider.scopes),
                "state": state,
                "code_challenge": challenge,
                "code_challenge_method": "S256",
                "allow_signup": "false",
            }
        )
        return f"{self._provider.issuer}/login/oauth/authorize?{query}"

    async def identify(
        self,
        code: str,
        *,
        verifier: str,
        nonce: str,
        redirect_uri: str,
        issuer: str | None,
    ) -> External:
        """Return who logged in; the arguments are those of `OpenIDConnect`.

        Raises:
            UnauthenticatedError: If GitHub says nobody.
            NoAnswerError: If it says nothing that can be understood.
        """
        if issuer not in (None, self._provider.issuer):
            raise UnauthenticatedError("the provider's word cannot be taken")
        tokens = await fetch_tokens(
            self._sends,
            f"{self._provider.issuer}/login/oauth/access_token",
            self._provider,
            {"code": code, "redirect_uri": redirect_uri, "code_verifier": verifier},
            basic=False,
        )
        token = tokens.get("access_token")
        if not isinstance(token, str):
            raise strange()
        user = await fetch_json(self._sends, f"{API}/user", token)
        emails = await fetch_json(self._sends, f"{API}/user/emails", token)
        number = user.get("id") if isinstance(user, dict) else None
        if type(number) is not int:
            raise strange()
        email = _primary(emails)
        return External(
            issuer=self._provider.issuer,
            subject=str(number),  # the name may be given to somebody else
            email=email,
            email_verified=email is not None,
        )


def _primary(emails: Any) -> str | None:
    """Return somebody's first address, if GitHub knows that it is theirs."""
    for entry in emails if isinstance(emails, list) else ():
        if isinstance(entry, dict) and entry.get("primary") is True:
            email = entry.get("email")
            if entry.get("verified") is True and isinstance(email, str):
                return email
    return None
