"""Access tokens: JSON Web Tokens (RFC 9068) that live ten minutes."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError

from ..clock import Clock
from ..errors import TokenExpiredError, UnauthenticatedError
from .scopes import words
from .signing_keys import ALGORITHM, SigningKeys

__all__ = ["LIFETIME", "AccessTokens", "Claims"]

LIFETIME = timedelta(minutes=10)
LEEWAY = timedelta(seconds=30)
"""How far two machines' clocks may be apart."""
LONGEST = 4096
"""Characters that a token may have."""

_FORM = re.compile(r"[A-Za-z0-9_-]{1,400}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{86}", re.ASCII)
_TEXTS = ("iss", "aud", "sub", "tid", "sid", "scope", "jti")
_TIMES = ("iat", "exp", "auth_time")
_REQUIRED = ("sub", "tid", "sid", "jti", "amr", *_TIMES)


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says.

    Args:
        sub: The user.
        tid: The tenant.
        sid: The session.
        scopes: What the user might do when it was made.
        amr: How they proved who they are.
        auth_time: When they did.
        expires_at: Until when it is good.
        jti: The token's own id.
    """

    sub: str
    tid: str
    sid: str
    scopes: frozenset[str]
    amr: tuple[str, ...]
    auth_time: datetime
    expires_at: datetime
    jti: str


class AccessTokens:
    """Makes access tokens, and knows its own again.

    Args:
        keys: What they are signed with.
        issuer: The service's address.
        audience: Whom they are for: the service again.
        clock: The time.
    """

    def __init__(
        self, keys: SigningKeys, *, issuer: str, audience: str, clock: Clock
    ) -> None:
        self.keys = keys
        self._issuer = issuer
        self._audience = audience
        self._clock = clock
        self._required = jwt.JWTClaimsRegistry(
            now=lambda: int(clock.now().timestamp()),
            leeway=int(LEEWAY.total_seconds()),
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            scope={"essential": True, "allow_blank": True},
            **dict.fromkeys(_REQUIRED, jwt.ClaimsOption(essential=True)),
        )

    def issue(
        self,
        *,
        sub: str,
        tid: str,
        sid: str,
        scopes: Iterable[str],
        amr: Iterable[str],
        auth_time: datetime,
    ) -> str:
        """Make a token; the arguments are those of `Claims`."""
        key = self.keys.signing
        now = int(self._clock.now().timestamp())
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": sub,
            "tid": tid,
            "sid": sid,
            "scope": words(scopes),
            "iat": now,
            "exp": now + int(LIFETIME.total_seconds()),
            "jti": secrets.token_urlsafe(16),
            "auth_time": int(auth_time.timestamp()),
            "amr": list(amr),
        }
        header = {"alg": ALGORITHM, "typ": "at+jwt", "kid": key.kid}
        return jwt.encode(header, claims, key.key, [ALGORITHM], default_type=None)

    def verify(self, token: str) -> Claims:
        """Return what a token says, if it is one of ours and still good.

        Raises:
            TokenExpiredError: If it was one.
            UnauthenticatedError: If it is none.
        """
        if len(token) > LONGEST or not _FORM.fullmatch(token):
            raise _refused()
        key = self.keys.find(token.partition(".")[0])
        if key is None:
            raise _refused()
        try:
            claims = jwt.decode(token, key.key, [ALGORITHM]).claims
            self._required.validate(claims)
        except ExpiredTokenError as error:
            raise TokenExpiredError(
                "the access token is too old", "fetch another with the refresh token"
            ) from error
        except (JoseError, RecursionError) as error:
            raise _refused() from error
        return _claims(claims)


def _claims(claims: dict[str, Any]) -> Claims:
    texts = all(type(claims[name]) is str for name in _TEXTS)
    times = all(type(claims[name]) is int for name in _TIMES)
    amr = claims["amr"]
    if not (texts and times and isinstance(amr, list)):
        raise _refused()
    if claims["exp"] - claims["iat"] > LIFETIME.total_seconds():
        raise _refused()
    return Claims(
        sub=claims["sub"],
        tid=claims["tid"],
        sid=claims["sid"],
        scopes=frozenset(claims["scope"].split()),
        amr=tuple(map(str, amr)),
        auth_time=datetime.fromtimestamp(claims["auth_time"], UTC),
        expires_at=datetime.fromtimestamp(claims["exp"], UTC),
        jti=claims["jti"],
    )


def _refused() -> UnauthenticatedError:
    return UnauthenticatedError(
        "the credential is not valid", "log in, or use another API key"
    )
