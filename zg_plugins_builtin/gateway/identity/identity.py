"""All of the identity part, put together."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import anyio
from anyio import to_thread
from sqlalchemy import Connection, delete, select
from sqlalchemy.exc import IntegrityError

from zg_core.plugin_api import JsonObject

from ..clock import Clock, SystemClock
from ..database import Database
from ..ids import new_id
from ..mail import Mail
from ..webhooks.sealing import Seal
from . import tables
from .access_tokens import AccessTokens
from .api_keys import ApiKey, ApiKeys, add_api_key
from .audit import Audit
from .authenticating import Authenticator
from .emails import checked_email
from .factor_codes import Seals
from .key_requests import LONGEST_LIFETIME
from .key_texts import Environment, new_opaque
from .letters import Letters, Registration
from .logins import Logins
from .oauth import OAuthLogins
from .passwords import Passwords
from .principals import Principal
from .provider_calls import Sends
from .providers import OAuthProvider
from .scopes import ROLES
from .second_factors import SecondFactors
from .sessions import Sessions
from .signing_keys import SigningKeys
from .tenants import Tenants, add_tenant
from .users import Users, add_user

__all__ = ["Credential", "Identity"]

HOST = "host"
"""What the first tenant is called."""
KEPT = timedelta(days=30)
"""How long what is over is kept, for who looks into an incident."""
_SIGNING_KEYS = "signing-keys.json"
_SEAL = "seal.key"


@dataclass(frozen=True, slots=True)
class Credential:
    """The first administrator's credential, shown once.

    Args:
        kind: ``password``, to log in with, or ``key``.
        tenant_id: The first tenant.
        user_id: The administrator.
        email: Their address.
        secret: The password, or the API key.
    """

    kind: Literal["password", "key"]
    tenant_id: str
    user_id: str
    email: str
    secret: str = field(repr=False)


class Identity:
    """Who may use the service, and how they prove it; `open` makes one.

    Attributes:
        tokens: Makes and knows access tokens.
        logins: Where people log in, refresh and log out.
        letters: How people are written to who cannot.
        tenants: All tenants, for who runs the service.
    """

    def __init__(
        self,
        database: Database,
        *,
        tokens: AccessTokens,
        passwords: Passwords,
        clock: Clock,
        seal: Seals,
        issuer: str,
        mail: Mail | None = None,
        registration: Registration | None = None,
        environment: Environment = "live",
    ) -> None:
        self._seal = seal
        self._issuer = issuer
        self._database = database
        self._passwords = passwords
        self._clock = clock
        self._environment = environment
        self._authenticator = Authenticator(database, tokens=tokens, clock=clock)
        forget = self._authenticator.forget
        self.tokens = tokens
        self.tenants = Tenants(database, clock=clock, on_revoked=forget)
        self.logins = Logins(
            database,
            clock=clock,
            passwords=passwords,
            tokens=tokens,
            seal=seal,
            role=registration.role if registration else "member",
            on_revoked=forget,
        )
        self.letters = Letters(
            database, clock=clock, mail=mail, address=issuer, registration=registration
        )

    @classmethod
    async def open(
        cls,
        database: Database,
        folder: Path,
        *,
        issuer: str,
        audience: str,
        clock: Clock | None = None,
        passwords: Passwords | None = None,
        seal: Seals | None = None,
        mail: Mail | None = None,
        registration: Registration | None = None,
        environment: Environment = "live",
    ) -> Identity:
        """Read the signing keys, or make them, and be ready.

        Args:
            database: The database; it stays open when this is closed.
            folder: Where the signing keys are.
            issuer: The service's address, as clients know it.
            audience: Whom access tokens are for.
            clock: The time.
            passwords: What hashes passwords.
            seal: Keeps the secrets of authenticators; its key is in the folder if it
                is not said.
            mail: What sends letters; nobody is written to if it is not said.
            registration: Who may register; nobody if it is not said.
            environment: What new API keys are for: ``live``, or ``test``.

        Raises:
            ConfigError: If the signing keys cannot be used, or others may read them.
        """
        clock = clock or SystemClock()
        passwords = passwords or Passwords()
        keys = await to_thread.run_sync(SigningKeys, folder / _SIGNING_KEYS, clock)
        tokens = AccessTokens(keys, issuer=issuer, audience=audience, clock=clock)
        if seal is None:
            seal = await to_thread.run_sync(Seal.at, folder / _SEAL)
        # The first unknown user must not be the one who waits for nobody's hash.
        await passwords.verify("", None)
        return cls(
            database,
            tokens=tokens,
            passwords=passwords,
            clock=clock,
            seal=seal,
            issuer=issuer,
            mail=mail,
            registration=registration,
            environment=environment,
        )

    def close(self) -> None:
        """Let the threads that hash passwords end."""
        self._passwords.close()

    # -- Who asks ----------------------------------------------------------------------

    async def authenticate(
        self, credential: str, address: str | None = None
    ) -> Principal:
        """Return who shows a credential: an access token, or an API key.

        Args:
            credential: What stands after ``Authorization: Bearer``.
            address: Where the request comes from.

        Raises:
            TokenExpiredError: If it is an access token that was good.
            UnauthenticatedError: If it is no credential, or no longer one.
        """
        return await self._authenticator.authenticate(credential, address)

    def jwks(self) -> JsonObject:
        """Return the public keys of access tokens, as a JWK set."""
        return self.tokens.keys.document()

    # -- A tenant's own ----------------------------------------------------------------

    def users(self, tenant_id: str) -> Users:
        """Return the users of a tenant."""
        return Users(
            self._database, tenant_id, passwords=self._passwords, **self._common()
        )

    def sessions(self, tenant_id: str) -> Sessions:
        """Return the sessions of a tenant."""
        return Sessions(self._database, tenant_id, **self._common())

    def second_factors(self, tenant_id: str) -> SecondFactors:
        """Return the second factors of the users of a tenant."""
        issuer = urlsplit(self._issuer).netloc or self._issuer
        return SecondFactors(
            self._database, tenant_id, seal=self._seal, issuer=issuer, **self._common()
        )

    def api_keys(self, tenant_id: str) -> ApiKeys:
        """Return the API keys of a tenant."""
        return ApiKeys(
            self._database,
            tenant_id,
            environment=self._environment,
            **self._common(),
        )

    def audit(self, tenant_id: str) -> Audit:
        """Return the audit of a tenant."""
        return Audit(self._database, tenant_id)

    def oauth(
        self,
        providers: Iterable[OAuthProvider],
        sends: Sends,
        *,
        callbacks: str,
        paths: Collection[str] = ("/",),
    ) -> OAuthLogins:
        """Return what lets people log in by other services.

        Args:
            providers: The services.
            sends: What sends requests to them: an `Egress`.
            callbacks: The address below which browsers come back: then
                ``/NAME/callback``.
            paths: The paths at which browsers may go on.
        """
        return OAuthLogins(
            self._database,
            clock=self._clock,
            logins=self.logins,
            providers=providers,
            sends=sends,
            callbacks=callbacks,
            paths=paths,
        )

    def _common(self) -> dict[str, Any]:
        return {"clock": self._clock, "on_revoked": self._authenticator.forget}

    # -- From time to time -------------------------------------------------------------

    async def bootstrap(self, email: str | None = None) -> Credential | None:
        """Make the first tenant and its owner, and return their credential, once.

        Args:
            email: The owner's address: they get a password. Without one an account
                that is no person gets an API key.

        Returns:
            The credential; `None` if there is a tenant already.

        Raises:
            InvalidRequestError: If the address is none.
        """
        address = checked_email(email) if email else "operator@localhost"
        password = new_opaque("zgp") if email else None
        hashed = await self._passwords.hash(password) if password else None
        now = self._clock.now()

        def work(connection: Connection) -> Credential | None:
            if connection.scalar(select(tables.tenants.c.id).limit(1)):
                return None
            tenant = add_tenant(connection, now, "operator", HOST, host=True)
            owner = add_user(
                connection, now, tenant.id, "operator", address, ["owner"], "", hashed
            )
            if password:
                return Credential("password", tenant.id, owner.id, address, password)
            key = self._first_key(owner.id)
            made = add_api_key(
                connection, now, tenant.id, "operator", key, self._environment
            )
            return Credential("key", tenant.id, owner.id, address, made.secret)

        try:
            return await self._database.write(work)
        except IntegrityError:  # another process was first
            return None

    def _first_key(self, owner: str) -> ApiKey:
        now = self._clock.now()
        return ApiKey(
            id=new_id("key", now),
            user_id=owner,
            name="first",
            hint="",
            scopes=ROLES["owner"],
            cidrs=(),
            created_at=now,
            expires_at=now + LONGEST_LIFETIME,
            last_used_at=None,
            revoked_at=None,
        )

    async def maintain(self) -> None:
        """Rotate the signing keys if it is time, and delete what is long over.

        Raises:
            ConfigError: If the signing keys cannot be used.
        """
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(self.tokens.keys.rotate_if_due)
        before = self._clock.now() - KEPT
        sessions, tickets = tables.sessions.c, tables.tickets.c
        old = select(sessions.id).where(sessions.expires_at < before)
        refresh = tables.refresh_tokens

        def work(connection: Connection) -> None:
            connection.execute(delete(refresh).where(refresh.c.session_id.in_(old)))
            connection.execute(
                delete(tables.sessions).where(sessions.expires_at < before)
            )
            connection.execute(
                delete(tables.oauth_states).where(
                    tables.oauth_states.c.expires_at < before
                )
            )
            connection.execute(
                delete(tables.tickets).where(tickets.expires_at < before)
            )
            gone = tables.registrations.c.expires_at < before
            connection.execute(delete(tables.registrations).where(gone))

        await self._database.write(work)
