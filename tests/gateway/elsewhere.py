"""Other services by which people log in, as far as a test needs them."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from gateway.watches import Watch
from joserfc import jwt
from joserfc.jwk import ECKey

from zg_plugins_builtin.gateway.egress.sending import Answer

__all__ = ["ISSUER", "Elsewhere", "GitHubElsewhere", "answer"]

ISSUER = "https://id.elsewhere.example"


def answer(document: object, status: int = 200) -> Answer:
    return Answer(status, {}, json.dumps(document).encode(), truncated=False)


class Elsewhere:
    """A provider of OpenID Connect that does as it is told, right or wrong."""

    def __init__(self, watch: Watch) -> None:
        self.key = ECKey.generate_key("P-256", {"kid": "k1"}, private=True)
        self.published = self.key
        self.metadata: dict[str, Any] = {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/authorize",
            "token_endpoint": f"{ISSUER}/token",
            "jwks_uri": f"{ISSUER}/keys",
        }
        self.claims: dict[str, Any] = {}
        self.forge: Callable[[dict[str, Any]], str] = self.sign
        self.asked: list[str] = []
        self._watch = watch
        self._logins: dict[str, dict[str, str]] = {}

    def log_in(self, address: str) -> tuple[str, str]:
        """Do what a browser does there; return the state and the code."""
        query = {k: v[0] for k, v in parse_qs(urlsplit(address).query).items()}
        code = f"code-{len(self._logins)}"
        self._logins[code] = query
        return query["state"], code

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        most_bytes: int = 65_536,
    ) -> Answer:
        self.asked.append(url)
        if url == f"{ISSUER}/.well-known/openid-configuration":
            return answer(self.metadata)
        if url == f"{ISSUER}/keys":
            return answer(
                {"keys": [{"kty": "strange"}, self.published.as_dict(private=False)]}
            )
        assert (method, url) == ("POST", f"{ISSUER}/token")
        return self._token((headers or {}).get("authorization"), content)

    def _token(self, authorization: str | None, content: bytes) -> Answer:
        form = {k: v[0] for k, v in parse_qs(content.decode()).items()}
        login = self._logins.pop(form["code"], None)
        hashed = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(hashed).rstrip(b"=").decode()
        right = base64.b64encode(b"us:their-secret").decode()
        if (
            login is None
            or login["code_challenge"] != challenge
            or login["code_challenge_method"] != "S256"
            or login["redirect_uri"] != form["redirect_uri"]
            or authorization != f"Basic {right}"
        ):
            return answer({"error": "invalid_grant"}, 400)
        now = int(self._watch.now().timestamp())
        claims = {
            "iss": ISSUER,
            "aud": "us",
            "sub": "subject-1",
            "iat": now,
            "exp": now + 60,
            "nonce": login["nonce"],
        } | self.claims
        said = {k: v for k, v in claims.items() if v is not None}
        return answer({"access_token": "theirs", "id_token": self.forge(said)})

    def sign(self, claims: dict[str, Any]) -> str:
        return jwt.encode(
            {"alg": "ES256", "kid": self.key.kid}, claims, self.key, ["ES256"]
        )


class GitHubElsewhere:
    """GitHub, for one user."""

    def __init__(self, *emails: dict[str, Any]) -> None:
        self._emails = list(emails)

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        most_bytes: int = 65_536,
    ) -> Answer:
        if url == "https://github.com/login/oauth/access_token":
            form = {k: v[0] for k, v in parse_qs(content.decode()).items()}
            right = (form["client_id"], form["client_secret"]) == ("us", "their-secret")
            # It says 200 whatever happens.
            good = right and form["code"] == "code" and form["code_verifier"]
            return answer({"access_token": "gho"} if good else {"error": "bad"})
        assert (headers or {})["authorization"] == "Bearer gho"
        if url == "https://api.github.com/user":
            return answer(
                {"id": 583231, "login": "octocat", "email": "not@verified.example"}
            )
        assert url == "https://api.github.com/user/emails"
        return answer(self._emails)
