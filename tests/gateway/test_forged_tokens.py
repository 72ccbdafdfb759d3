"""Tokens that somebody else made, or changed, are nobody's."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from gateway.people import Person, host_owner
from gateway.watches import Watch

from zg_plugins_builtin.gateway.errors import TokenExpiredError, UnauthenticatedError
from zg_plugins_builtin.gateway.identity import Identity

pytestmark = pytest.mark.anyio
Header = dict[str, Any]
STRANGERS = Ed25519PrivateKey.generate()
STRANGERS_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def encoded(data: bytes | object) -> str:
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(segment: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))


class Forger:
    """Has a real token, knows all that is public, and makes others of it.

    It may also have the service's own key sign what that would never sign: so it is
    not by luck that such a token is refused.
    """

    def __init__(self, identity: Identity, token: str) -> None:
        self.real = token
        self.key = identity.tokens.keys.signing.key
        self.public = identity.jwks()["keys"][0]
        header, payload, self.signature = token.split(".")
        self.header: Header = decoded(header)
        self.claims: Header = decoded(payload)

    def signed(
        self, sign: Callable[[bytes], bytes] | None = None, **changed: Any
    ) -> str:
        """Return a token with another header; signed by the service if not said."""
        header = {k: v for k, v in (self.header | changed).items() if v is not None}
        return self.joined(encoded(header), encoded(self.claims), sign)

    def claiming(self, **changed: Any) -> str:
        """Return a token of the service's own key with other claims."""
        claims = {k: v for k, v in (self.claims | changed).items() if v is not None}
        header, _, _ = self.real.split(".")
        return self.joined(header, encoded(claims))

    def joined(
        self, header: str, payload: str, sign: Callable[[bytes], bytes] | None = None
    ) -> str:
        said = f"{header}.{payload}"
        sign = sign or self.key.private_key.sign
        return f"{said}.{encoded(sign(said.encode()))}"


def keyed(key: bytes) -> Callable[[bytes], bytes]:
    return lambda said: hmac.digest(key, said, hashlib.sha256)


def by_rsa(said: bytes) -> bytes:
    return STRANGERS_RSA.sign(said, padding.PKCS1v15(), SHA256())


def strangers_jwk() -> Header:
    public = STRANGERS.public_key().public_bytes_raw()
    return {"kty": "OKP", "crv": "Ed25519", "x": encoded(public)}


FORGED: dict[str, Callable[[Forger], str]] = {
    "no algorithm": lambda f: f.signed(alg="none"),
    "no algorithm, no signature": lambda f: f.signed(lambda _: b"", alg="none"),
    "no algorithm in capitals": lambda f: f.signed(lambda _: b"", alg="NONE"),
    "public key as a shared one": lambda f: f.signed(
        keyed(base64.urlsafe_b64decode(f.public["x"] + "=")), alg="HS256"
    ),
    "public JWK as a shared key": lambda f: f.signed(
        keyed(json.dumps(f.public).encode()), alg="HS256"
    ),
    "another kind of key": lambda f: f.signed(by_rsa, alg="RS256"),
    "the same algorithm's older name": lambda f: f.signed(alg="EdDSA"),
    "a stranger's key": lambda f: f.signed(STRANGERS.sign),
    "a stranger's key brought along": lambda f: f.signed(
        STRANGERS.sign, jwk=strangers_jwk()
    ),
    "a stranger's key and its own id": lambda f: f.signed(
        STRANGERS.sign, kid="stranger", jwk=strangers_jwk()
    ),
    "a place to fetch keys from": lambda f: f.signed(jku="https://evil.example/k"),
    "a place to fetch a certificate": lambda f: f.signed(x5u="https://evil.example/c"),
    "a certificate": lambda f: f.signed(x5c=["MIIB"]),
    "a critical header": lambda f: f.signed(crit=["exp"], exp=1),
    "an unencoded payload": lambda f: f.signed(b64=False, crit=["b64"]),
    "a key that is a file": lambda f: f.signed(
        keyed(b""), alg="HS256", kid="../../../../dev/null"
    ),
    "a key that is SQL": lambda f: f.signed(kid="' UNION SELECT 'x'--"),
    "no key's id": lambda f: f.signed(kid=None),
    "an id token": lambda f: f.signed(typ="JWT"),
    "no type": lambda f: f.signed(typ=None),
    "two algorithms": lambda f: f.joined(
        encoded(b'{"alg":"none",' + json.dumps(f.header).encode()[1:]),
        encoded(f.claims),
    ),
    "a header that is a list": lambda f: f.joined(encoded([1]), encoded(f.claims)),
    "a header that is deep": lambda f: f.joined(encoded(b"[" * 290), encoded(f.claims)),
    "another audience": lambda f: f.claiming(aud="https://other.example"),
    "several audiences": lambda f: f.claiming(aud=[f.claims["aud"], "other"]),
    "another issuer": lambda f: f.claiming(iss="https://evil.example"),
    "another tenant": lambda f: f.claiming(tid="ten_0"),
    "another user": lambda f: f.claiming(sub="usr_0"),
    "another session": lambda f: f.claiming(sid="ses_0"),
    "made in the future": lambda f: f.claiming(
        iat=f.claims["iat"] + 300, exp=f.claims["exp"] + 300
    ),
    "good for years": lambda f: f.claiming(exp=f.claims["exp"] + 10**9),
    "good until never": lambda f: f.claiming(exp=float("nan")),
    "good until a word": lambda f: f.claiming(exp="tomorrow"),
    "good until true": lambda f: f.claiming(exp=True),
    "a scope that is a list": lambda f: f.claiming(scope=["jobs:read"]),
    "other claims, old signature": lambda f: ".".join(
        (
            f.real.split(".")[0],
            encoded(f.claims | {"scope": "admin:users"}),
            f.signature,
        )
    ),
    "no signature": lambda f: f.real.rpartition(".")[0] + ".",
    "half a signature": lambda f: f.real[:-43],
    "two signatures": lambda f: f"{f.real}.{f.signature}",
    "a padded signature": lambda f: f"{f.real}==",
    "another way to write the signature": lambda f: (
        f.real[:-1] + chr(ord(f.real[-1]) + 1)
    ),
    "a space behind": lambda f: f"{f.real} ",
    "a line behind": lambda f: f"{f.real}\n",
    "as JSON": lambda f: json.dumps(
        {"protected": encoded(f.header), "payload": encoded(f.claims)}
        | {"signature": f.signature}
    ),
    "encrypted": lambda f: ".".join(
        (encoded({"alg": "dir", "enc": "A256GCM"}), *"abcd")
    ),
    "claims that are a list": lambda f: f.joined(f.real.split(".")[0], encoded([1])),
    "claims that are deep": lambda f: f.joined(
        f.real.split(".")[0], encoded(b"[" * 2000)
    ),
    "claims that are no JSON": lambda f: f.joined(f.real.split(".")[0], encoded(b"{")),
    "nothing": lambda _: "",
    "two full stops": lambda _: "..",
    "something huge": lambda f: f.joined(f.real.split(".")[0], "A" * 100_000),
    "no ASCII": lambda f: f.real[:-1] + "é",
    "half a character": lambda f: f.real[:-1] + "\ud800",
    "a NUL": lambda f: f"{f.real}\0",
}
CLAIMS = ("iss", "aud", "sub", "tid", "sid", "scope", "iat", "exp", "jti", "auth_time")
for name in (*CLAIMS, "amr"):
    FORGED[f"without {name}"] = lambda f, n=name: f.claiming(**{n: None})


async def test_no_forged_token_is_anybodys(identity: Identity) -> None:
    owner = await host_owner(identity)
    forger = Forger(identity, owner.tokens.access_token)
    told, accepted = set(), []

    for name, forge in FORGED.items():
        try:
            await identity.authenticate(forge(forger))
        except UnauthenticatedError as error:
            told.add((type(error), str(error)))
        else:
            accepted.append(name)

    assert accepted == []
    assert len(told) == 1  # nobody learns how near they came
    assert await identity.authenticate(forger.claiming()) == owner.principal


async def test_a_token_is_good_for_ten_minutes_and_no_longer(
    identity: Identity, watch: Watch
) -> None:
    token = (await host_owner(identity)).tokens.access_token

    watch.turn(minutes=10, seconds=29)
    await identity.authenticate(token)
    watch.turn(seconds=1)

    for _ in range(2):  # remembered or not
        with pytest.raises(TokenExpiredError):
            await identity.authenticate(token)
        watch.turn(minutes=1)


@pytest.fixture
async def owner(identity: Identity) -> Person:
    return await host_owner(identity)


async def test_a_token_outlives_the_rotation_of_its_key(
    identity: Identity, owner: Person, watch: Watch
) -> None:
    keys = identity.tokens.keys
    published = [k["kid"] for k in identity.jwks()["keys"]]
    before = keys.signing.kid

    watch.turn(days=90)
    assert not await _refused(identity, await _fresh(identity))
    old = await _fresh(identity)
    await identity.maintain()
    new = await _fresh(identity)

    assert published == [before, keys.signing.kid]  # it was known before it signed
    assert not await _refused(identity, old)
    assert not await _refused(identity, new)
    assert len(identity.jwks()["keys"]) == 3
    watch.turn(minutes=61)
    assert len(identity.jwks()["keys"]) == 2


async def _fresh(identity: Identity) -> str:
    """Return a token for a session that the service never opened itself."""
    return identity.tokens.issue(
        sub="usr_1",
        tid="ten_1",
        sid="ses_1",
        scopes=["jobs:read"],
        amr=["pwd"],
        auth_time=identity.tokens._clock.now() - timedelta(seconds=1),
    )


async def _refused(identity: Identity, token: str) -> bool:
    try:
        identity.tokens.verify(token)
    except UnauthenticatedError:
        return True
    return False


async def test_no_token_outlives_keys_that_somebody_else_may_have(
    identity: Identity, owner: Person
) -> None:
    token = owner.tokens.access_token

    identity.tokens.keys.rotate(compromised=True)

    with pytest.raises(UnauthenticatedError):
        identity.tokens.verify(token)
    assert len(identity.jwks()["keys"]) == 2


async def test_what_is_published_has_no_private_half(identity: Identity) -> None:
    for key in identity.jwks()["keys"]:
        assert set(key) == {"kty", "crv", "x", "kid", "alg", "use"}
