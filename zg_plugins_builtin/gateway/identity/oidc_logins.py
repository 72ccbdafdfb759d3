"""Log in by OpenID Connect: find the provider out, and check what it signs."""

from __future__ import annotations

import hmac
from typing import Any
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet, import_key

from ..clock import Clock
from ..errors import UnauthenticatedError
from .provider_calls import Sends, fetch_json, fetch_tokens, strange
from .providers import External, OAuthProvider

__all__ = ["OpenIDConnect"]

ALGORITHMS = ("RS256", "PS256", "ES256", "Ed25519", "EdDSA")
"""What id tokens may be signed with; nothing that a shared secret could make."""
KNOWN_SECONDS = 3600.0
AGAIN_SECONDS = 60.0
"""How soon the keys are fetched again for a key that is not among them."""
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_LEEWAY = 60
_LONGEST_SUBJECT = 255


class OpenIDConnect:
    """One provider that speaks OpenID Connect.

    Args:
        provider: The provider.
        sends: What sends requests.
        clock: The time.
    """

    def __init__(self, provider: OAuthProvider, sends: Sends, clock: Clock) -> None:
        self._provider = provider
        self._sends = sends
        self._clock = clock
        self._metadata: tuple[float, dict[str, Any]] | None = None
        self._keys: tuple[float, KeySet] | None = None

    async def address(
        self, redirect_uri: str, state: str, nonce: str, challenge: str
    ) -> str:
        """Return where a browser is sent to log in.

        Raises:
            NoAnswerError: If the provider cannot be found out.
        """
        place = (await self._found_out())["authorization_endpoint"]
        query = urlencode(
            {
                "response_type": "code",
                "client_id": self._provider.client_id,
                "redirect_uri": redirect_uri,
                "scope": " ".join(self._provider.scopes),
                "state": state,
                "nonce": nonce,
                "code_challenge": challenge,
                "code_challenge_method": "S256",
            }
        )
        return f"{place}{'&' if '?' in place else '?'}{query}"

    async def identify(
        self,
        code: str,
        *,
        verifier: str,
        nonce: str,
        redirect_uri: str,
        issuer: str | None,
    ) -> External:
        """Return who logged in.

        Args:
            code: What the browser brought back.
            verifier: What the challenge was made of.
            nonce: What the id token must repeat.
            redirect_uri: Where the browser came back to.
            issuer: Who the browser says it comes from (RFC 9207).

        Raises:
            UnauthenticatedError: If the provider says nobody, or somebody else says.
            NoAnswerError: If it says nothing that can be understood.
        """
        metadata = await self._found_out()
        always = metadata.get("authorization_response_iss_parameter_supported") is True
        if issuer != self._provider.issuer and (always or issuer is not None):
            raise _refused()
        methods = metadata.get("token_endpoint_auth_methods_supported")
        tokens = await fetch_tokens(
            self._sends,
            metadata["token_endpoint"],
            self._provider,
            {"code": code, "redirect_uri": redirect_uri, "code_verifier": verifier},
            basic=not isinstance(methods, list) or "client_secret_basic" in methods,
        )
        id_token = tokens.get("id_token")
        if not isinstance(id_token, str):
            raise strange()
        claims = await self._claims(id_token, metadata["jwks_uri"])
        return self._external(claims, nonce)

    # -- What the provider says of itself ----------------------------------------------

    async def _found_out(self) -> dict[str, Any]:
        now = self._clock.monotonic()
        if self._metadata and now - self._metadata[0] < KNOWN_SECONDS:
            return self._metadata[1]
        issuer = self._provider.issuer
        url = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
        metadata = await fetch_json(self._sends, url)
        if not isinstance(metadata, dict) or metadata.get("issuer") != issuer:
            raise strange()
        if not all(isinstance(metadata.get(name), str) for name in _ENDPOINTS):
            raise strange()
        self._metadata = now, metadata
        return metadata

    async def _claims(self, id_token: str, place: str) -> dict[str, Any]:
        """Return what a token says that one of the provider's keys signed."""
        for age in (KNOWN_SECONDS, AGAIN_SECONDS):
            keys = await self._fetched(place, age)
            try:
                return jwt.decode(id_token, keys, ALGORITHMS).claims
            except (JoseError, ValueError, TypeError, RecursionError):
                continue  # with a key, maybe, that is newer than what we know
        raise _refused()

    async def _fetched(self, place: str, age: float) -> KeySet:
        now = self._clock.monotonic()
        if self._keys and now - self._keys[0] < age:
            return self._keys[1]
        document = await fetch_json(self._sends, place)
        entries = document.get("keys") if isinstance(document, dict) else None
        keys = [key for entry in entries or () if (key := _key(entry))]
        if not keys:
            raise strange()
        self._keys = now, KeySet(keys)
        return self._keys[1]

    def _external(self, claims: dict[str, Any], nonce: str) -> External:
        required = jwt.JWTClaimsRegistry(
            now=int(self._clock.now().timestamp()),
            leeway=_LEEWAY,
            iss={"essential": True, "value": self._provider.issuer},
            aud={"essential": True, "value": self._provider.client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True},
        )
        try:
            required.validate(claims)
        except JoseError as error:
            raise _refused() from error
        audience, party = claims["aud"], claims.get("azp")
        ours = self._provider.client_id
        if isinstance(audience, list) and audience != [ours] and party != ours:
            raise _refused()
        if not hmac.compare_digest(str(claims["nonce"]).encode(), nonce.encode()):
            raise _refused()
        if len(claims["sub"]) > _LONGEST_SUBJECT:
            raise _refused()
        email = claims.get("email")
        return External(
            issuer=self._provider.issuer,
            subject=claims["sub"],
            email=email if isinstance(email, str) else None,
            email_verified=claims.get("email_verified") is True,
        )


def _key(entry: Any) -> Key | None:
    """Return a public key to check signatures with; `None` if it is for others."""
    try:
        key = import_key(entry)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return key if key.key_type in ("RSA", "EC", "OKP") else None


def _refused() -> UnauthenticatedError:
    return UnauthenticatedError("the provider's word cannot be taken", "log in again")
