"""Logins by other services, which end in the browser that began them.

One file, since every provider goes the same way.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from gateway.elsewhere import ISSUER, Elsewhere, GitHubElsewhere
from gateway.people import GOOD, OTHER, Person, host_owner, person
from gateway.watches import Watch
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from zg_core import ConfigError
from zg_plugins_builtin.gateway.clock import SystemClock
from zg_plugins_builtin.gateway.database import Database
from zg_plugins_builtin.gateway.egress.sending import Egress
from zg_plugins_builtin.gateway.egress.targets import EgressPolicy
from zg_plugins_builtin.gateway.errors import (
    ConflictError,
    NoAnswerError,
    NotFoundError,
    OAuthStateMismatchError,
    UnauthenticatedError,
)
from zg_plugins_builtin.gateway.identity import Identity, User
from zg_plugins_builtin.gateway.identity.oauth import Finished, OAuthLogins
from zg_plugins_builtin.gateway.identity.provider_calls import Sends
from zg_plugins_builtin.gateway.identity.providers import (
    OAuthProvider,
    github,
    google,
)

pytestmark = pytest.mark.anyio
PROVIDER = OAuthProvider("elsewhere", ISSUER, "us", "their-secret")
VERIFIED = {"email": "ada@x.example", "email_verified": True}


@pytest.fixture
async def owner(identity: Identity) -> Person:
    return await host_owner(identity)


@pytest.fixture
async def ada(identity: Identity, owner: Person) -> User:
    """A user who was invited and has no password."""
    users = identity.users(owner.principal.tid)
    return await users.create(owner.principal, "ada@x.example", ["member"])


@pytest.fixture
def elsewhere(watch: Watch) -> Elsewhere:
    made = Elsewhere(watch)
    made.claims = dict(VERIFIED)
    return made


@pytest.fixture
def connect(identity: Identity) -> Callable[[Sends], OAuthLogins]:
    def make(sends: Sends) -> OAuthLogins:
        return identity.oauth(
            [PROVIDER, github("us", "their-secret")],
            sends,
            callbacks="https://zg.example/api/v1/auth/oauth/",
            paths=["/", "/jobs"],
        )

    return make


@pytest.fixture
def oauth(connect: Callable[[Sends], OAuthLogins], elsewhere: Elsewhere) -> OAuthLogins:
    return connect(elsewhere)


async def log_in(oauth: OAuthLogins, elsewhere: Elsewhere, **changed: Any) -> Finished:
    begun = await oauth.begin("elsewhere")
    state, code = elsewhere.log_in(begun.address)
    given = {"state": state, "code": code, "cookie": begun.cookie} | changed
    return await oauth.finish("elsewhere", **given)


async def test_who_was_invited_logs_in_by_a_verified_address(
    identity: Identity, oauth: OAuthLogins, elsewhere: Elsewhere, ada: User
) -> None:
    done = await log_in(oauth, elsewhere)

    assert done.tokens is not None
    who = await identity.authenticate(done.tokens.access_token)
    assert (who.sub, who.amr) == (ada.id, ("oidc",))
    assert [i.issuer for i in await oauth.identities(who)] == [ISSUER]


async def test_somebody_stays_who_they_are_when_their_address_changes_hands(
    oauth: OAuthLogins, elsewhere: Elsewhere, ada: User
) -> None:
    await log_in(oauth, elsewhere)

    elsewhere.claims = {"email": "new@x.example", "email_verified": True}
    assert (await log_in(oauth, elsewhere)).user_id == ada.id
    elsewhere.claims = {"sub": "subject-2", **VERIFIED}
    with pytest.raises(UnauthenticatedError):
        await log_in(oauth, elsewhere)


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"email": "ada@x.example"},
        {"email": "ada@x.example", "email_verified": False},
        {"email": "ada@x.example", "email_verified": "true"},
        {"email": "ada@x.example", "email_verified": 1},
        {"email": ["ada@x.example"], "email_verified": True},
        {"email": "eve@x.example", "email_verified": True},
        {"email": "owner@host.example", "email_verified": True},
    ],
    ids=repr,
)
async def test_nobody_becomes_a_user_by_less_than_a_verified_address(
    oauth: OAuthLogins, elsewhere: Elsewhere, ada: User, claims: dict[str, Any]
) -> None:
    elsewhere.claims = claims

    with pytest.raises(UnauthenticatedError):
        await log_in(oauth, elsewhere)


async def test_a_login_ends_in_the_browser_that_began_it_once_and_soon(
    oauth: OAuthLogins, elsewhere: Elsewhere, ada: User, watch: Watch
) -> None:
    other = await oauth.begin("elsewhere")
    for cookie in (other.cookie, None, "", "\ud800"):
        with pytest.raises(OAuthStateMismatchError):
            await log_in(oauth, elsewhere, cookie=cookie)
    begun = await oauth.begin("elsewhere")
    state, code = elsewhere.log_in(begun.address)
    with pytest.raises(OAuthStateMismatchError):
        await oauth.finish("github", state=state, code=code, cookie=begun.cookie)
    await oauth.finish("elsewhere", state=state, code=code, cookie=begun.cookie)
    with pytest.raises(OAuthStateMismatchError):
        await oauth.finish("elsewhere", state=state, code=code, cookie=begun.cookie)
    for state in ("", "x", "\ud800"):
        with pytest.raises(OAuthStateMismatchError):
            await log_in(oauth, elsewhere, state=state)
    late = await oauth.begin("elsewhere")
    state, code = elsewhere.log_in(late.address)
    watch.turn(minutes=10)
    with pytest.raises(OAuthStateMismatchError):
        await oauth.finish("elsewhere", state=state, code=code, cookie=late.cookie)


async def test_a_code_of_another_login_is_worth_nothing(
    oauth: OAuthLogins, elsewhere: Elsewhere, ada: User
) -> None:
    _, stolen = elsewhere.log_in((await oauth.begin("elsewhere")).address)

    for code in (stolen, "made-up", None, ""):
        with pytest.raises(UnauthenticatedError):
            await log_in(oauth, elsewhere, code=code)


def hs256(claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(b"their-secret" * 4))


def by_a_stranger(claims: dict[str, Any]) -> str:
    key = ECKey.generate_key("P-256", {"kid": "k1"}, private=True)
    public = key.as_dict(private=False)
    return jwt.encode(
        {"alg": "ES256", "kid": "k1", "jwk": public}, claims, key, ["ES256"]
    )


def unsigned(claims: dict[str, Any]) -> str:
    head, body, _ = by_a_stranger(claims).split(".")
    return f"{head}.{body}."


@pytest.mark.parametrize(
    "forge", [hs256, by_a_stranger, unsigned, lambda _: "x", lambda _: "a.b.c"]
)
async def test_an_id_token_that_the_provider_did_not_sign_is_nobody_s(
    oauth: OAuthLogins,
    elsewhere: Elsewhere,
    ada: User,
    forge: Callable[[dict[str, Any]], str],
) -> None:
    elsewhere.forge = forge

    with pytest.raises(UnauthenticatedError):
        await log_in(oauth, elsewhere)


async def test_an_id_token_that_was_meant_otherwise_is_nobody_s(
    oauth: OAuthLogins, elsewhere: Elsewhere, ada: User, watch: Watch
) -> None:
    past = int(watch.now().timestamp()) - 61
    for claims in (
        {"iss": "https://evil.example"},
        {"aud": "somebody-else"},
        {"aud": ["us", "somebody-else"]},
        {"aud": ["us", "somebody-else"], "azp": "somebody-else"},
        {"nonce": "another"},
        {"exp": past},
        {"iat": past + 200, "exp": past + 300},
        {"sub": 1},
        {"sub": "s" * 256},
        *({name: None} for name in ("iss", "aud", "nonce", "exp", "iat", "sub")),
    ):
        elsewhere.claims = VERIFIED | claims
        with pytest.raises(UnauthenticatedError):
            await log_in(oauth, elsewhere)


async def test_a_browser_that_comes_from_another_provider_is_refused(
    oauth: OAuthLogins, elsewhere: Elsewhere, ada: User, watch: Watch
) -> None:
    assert (await log_in(oauth, elsewhere, issuer=ISSUER)).user_id == ada.id
    with pytest.raises(UnauthenticatedError):
        await log_in(oauth, elsewhere, issuer="https://evil.example")
    elsewhere.metadata["authorization_response_iss_parameter_supported"] = True
    watch.turn(hours=1)

    with pytest.raises(UnauthenticatedError):
        await log_in(oauth, elsewhere)


@pytest.mark.parametrize(
    "metadata",
    [{"issuer": "https://evil.example"}, {"jwks_uri": None}, {"token_endpoint": 1}],
    ids=repr,
)
async def test_a_provider_that_says_what_nobody_understands_is_not_used(
    oauth: OAuthLogins, elsewhere: Elsewhere, metadata: dict[str, Any]
) -> None:
    elsewhere.metadata |= metadata

    with pytest.raises(NoAnswerError):
        await oauth.begin("elsewhere")


async def test_a_key_that_is_new_is_fetched_but_not_at_every_attempt(
    oauth: OAuthLogins, elsewhere: Elsewhere, ada: User, watch: Watch
) -> None:
    await log_in(oauth, elsewhere)
    elsewhere.key = elsewhere.published = ECKey.generate_key(
        "P-256", {"kid": "k2"}, private=True
    )
    for _ in range(3):
        with pytest.raises(UnauthenticatedError):
            await log_in(oauth, elsewhere)
    fetched = elsewhere.asked.count(f"{ISSUER}/keys")
    watch.turn(seconds=60)

    assert (await log_in(oauth, elsewhere)).user_id == ada.id
    assert (fetched, elsewhere.asked.count(f"{ISSUER}/keys")) == (1, 2)
    assert elsewhere.asked.count(f"{ISSUER}/.well-known/openid-configuration") == 1


async def test_who_has_a_password_links_the_two_themselves(
    identity: Identity, owner: Person, oauth: OAuthLogins, elsewhere: Elsewhere
) -> None:
    eve = await person(identity, owner.principal, "member", "eve")
    begun = await oauth.begin("elsewhere", by=eve.principal, return_to="/jobs")
    state, code = elsewhere.log_in(begun.address)
    done = await oauth.finish("elsewhere", state=state, code=code, cookie=begun.cookie)

    assert (done.user_id, done.tokens, done.return_to) == (eve.user.id, None, "/jobs")
    assert (await log_in(oauth, elsewhere)).user_id == eve.user.id
    begun = await oauth.begin("elsewhere", by=owner.principal)
    state, code = elsewhere.log_in(begun.address)
    with pytest.raises(ConflictError):
        await oauth.finish("elsewhere", state=state, code=code, cookie=begun.cookie)
    (linked,) = await oauth.identities(eve.principal)
    with pytest.raises(NotFoundError):
        await oauth.unlink(owner.principal, linked.id)
    await oauth.unlink(eve.principal, linked.id)
    with pytest.raises(UnauthenticatedError):
        await log_in(oauth, elsewhere)


@pytest.mark.parametrize("ended", ["password", "revoked", "disabled", "expired"])
async def test_a_link_ends_with_the_session_that_began_it(
    identity: Identity,
    owner: Person,
    oauth: OAuthLogins,
    elsewhere: Elsewhere,
    watch: Watch,
    ended: str,
) -> None:
    eve = await person(identity, owner.principal, "member", "eve")
    users = identity.users(owner.principal.tid)
    if ended == "expired":
        watch.turn(days=30, minutes=-1)
    begun = await oauth.begin("elsewhere", by=eve.principal)
    state, code = elsewhere.log_in(begun.address)
    match ended:
        case "password":
            await identity.logins.change_password(eve.principal, GOOD, OTHER)
        case "revoked":
            await identity.sessions(eve.principal.tid).revoke_all(
                eve.principal, eve.user.id
            )
        case "disabled":
            await users.disable(owner.principal, eve.user.id)
            await users.enable(owner.principal, eve.user.id)
        case _:
            watch.turn(minutes=2)

    with pytest.raises(OAuthStateMismatchError, match="session"):
        await oauth.finish("elsewhere", state=state, code=code, cookie=begun.cookie)

    assert await oauth.identities(eve.principal) == []


async def test_nobody_is_locked_out_by_unlinking(
    identity: Identity, oauth: OAuthLogins, elsewhere: Elsewhere, ada: User
) -> None:
    done = await log_in(oauth, elsewhere)
    assert done.tokens is not None
    who = await identity.authenticate(done.tokens.access_token)
    (linked,) = await oauth.identities(who)

    with pytest.raises(ConflictError):
        await oauth.unlink(who, linked.id)

    assert await oauth.identities(who) == [linked]


async def test_who_is_disabled_logs_in_nowhere(
    identity: Identity,
    owner: Person,
    oauth: OAuthLogins,
    elsewhere: Elsewhere,
    ada: User,
) -> None:
    await log_in(oauth, elsewhere)
    await identity.users(owner.principal.tid).disable(owner.principal, ada.id)

    for subject in ("subject-1", "subject-2"):
        elsewhere.claims = {"sub": subject, **VERIFIED}
        with pytest.raises(UnauthenticatedError):
            await log_in(oauth, elsewhere)


async def test_browsers_go_on_where_they_may_only(
    oauth: OAuthLogins, elsewhere: Elsewhere, ada: User
) -> None:
    for asked, meant in (
        ("/jobs", "/jobs"),
        ("//evil.example", "/"),
        ("https://evil.example", "/"),
        ("/other", "/"),
    ):
        begun = await oauth.begin("elsewhere", return_to=asked)
        state, code = elsewhere.log_in(begun.address)
        done = await oauth.finish(
            "elsewhere", state=state, code=code, cookie=begun.cookie
        )
        assert done.return_to == meant


async def test_the_browser_is_sent_with_all_that_makes_it_safe(
    oauth: OAuthLogins,
) -> None:
    begun = await oauth.begin("elsewhere")
    query = {k: v[0] for k, v in parse_qs(urlsplit(begun.address).query).items()}

    assert begun.address.startswith(f"{ISSUER}/authorize?")
    assert (
        query["redirect_uri"]
        == "https://zg.example/api/v1/auth/oauth/elsewhere/callback"
    )
    assert query["code_challenge_method"] == "S256"
    assert {"state", "nonce", "code_challenge"} <= set(query)
    assert begun.seconds == 600
    assert "their-secret" not in f"{begun.address} {PROVIDER!r}"
    assert begun.cookie not in repr(begun)
    with pytest.raises(NotFoundError):
        await oauth.begin("nobody")


async def test_github_is_believed_about_a_first_and_verified_address(
    connect: Callable[[Sends], OAuthLogins], ada: User
) -> None:
    async def enter(*emails: dict[str, Any], code: str = "code") -> str:
        oauth = connect(GitHubElsewhere(*emails))
        begun = await oauth.begin("github")
        state = parse_qs(urlsplit(begun.address).query)["state"][0]
        given = {"state": state, "code": code, "cookie": begun.cookie}
        return (await oauth.finish("github", **given)).user_id

    address = {"email": "ada@x.example", "primary": True, "verified": True}
    for emails, code in (
        ([address | {"verified": False}], "code"),
        ([address | {"primary": False}], "code"),
        ([], "code"),
        ([address], "wrong"),
    ):
        with pytest.raises(UnauthenticatedError):
            await enter(*emails, code=code)

    assert await enter(address) == ada.id
    assert await enter() == ada.id  # by the number, from now on


def test_a_provider_is_set_up_whole() -> None:
    assert google("us", "secret").issuer == "https://accounts.google.com"
    with pytest.raises(ConfigError):
        google("us", "")
    with pytest.raises(ConfigError):
        OAuthProvider("../x", ISSUER, "us", "secret")


SERVER = """
import sys, warnings
warnings.simplefilter("ignore")
from oidc_provider_mock import User, run_server_in_thread
ada = User(sub="ada", claims={"email": "ada@x.example", "email_verified": True})
with run_server_in_thread(user_claims=[ada], require_nonce=True) as server:
    print(server.server_port, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="session")
def real_provider() -> Iterator[str]:
    """A provider that others wrote, on this machine; its address."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        assert server.stdout is not None
        yield f"http://localhost:{int(server.stdout.readline())}"
        assert server.stdin is not None
        server.stdin.close()


@pytest.mark.heavy
async def test_a_provider_that_others_wrote_lets_people_in(
    database: Database, identity: Identity, ada: User, real_provider: str
) -> None:
    oauth = OAuthLogins(
        database,
        clock=SystemClock(),  # the provider's
        logins=identity.logins,
        providers=[OAuthProvider("real", real_provider, "us", "their-secret")],
        sends=Egress(EgressPolicy(insecure_loopback=True)),
        callbacks="https://zg.example/oauth",
    )
    begun = await oauth.begin("real")
    async with aiohttp.ClientSession() as browser:
        form = {"sub": "ada"}
        answer = await browser.post(begun.address, data=form, allow_redirects=False)
        back = urlsplit(answer.headers["location"])
    assert back._replace(query="").geturl() == "https://zg.example/oauth/real/callback"
    query = {k: v[0] for k, v in parse_qs(back.query).items()}

    done = await oauth.finish(
        "real", state=query["state"], code=query["code"], cookie=begun.cookie
    )

    assert done.user_id == ada.id
