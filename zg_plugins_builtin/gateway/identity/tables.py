"""The tables of who may ask: tenants, users, their sessions and keys, the audit."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from ..database import Moment, metadata

__all__ = [
    "api_keys",
    "audit",
    "external_identities",
    "oauth_states",
    "recovery_codes",
    "refresh_tokens",
    "registrations",
    "second_factors",
    "sessions",
    "tenants",
    "tickets",
    "users",
]

tenants = Table(
    "tenants",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    # The tenant of who runs the service; the first, and the only one.
    Column("is_host", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("disabled_at", Moment),
    # Since when everything of it is being erased.
    Column("erasing_since", Moment),
)

users = Table(
    "users",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", ForeignKey("tenants.id"), nullable=False),
    Column("email", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    # Words with a space between, as in a token's scope.
    Column("roles", Text, nullable=False),
    # None: who logs in by another service, or only has keys.
    Column("password_hash", Text),
    Column("created_at", Moment, nullable=False),
    Column("disabled_at", Moment),
    Index(None, "tenant_id", "id"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", ForeignKey("tenants.id"), nullable=False),
    Column("user_id", ForeignKey("users.id"), nullable=False),
    Column("amr", Text, nullable=False),
    Column("client", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("auth_time", Moment, nullable=False),
    Column("last_used_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("revoked_at", Moment),
    Column("revoked_for", Text),
    Index(None, "tenant_id", "user_id"),
    Index(None, "expires_at"),
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    # The SHA-256 of the token: what is stored opens nothing.
    Column("digest", LargeBinary, primary_key=True),
    Column("tenant_id", ForeignKey("tenants.id"), nullable=False),
    Column("session_id", ForeignKey("sessions.id"), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("used_at", Moment),
    Index(None, "session_id"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", ForeignKey("tenants.id"), nullable=False),
    Column("user_id", ForeignKey("users.id"), nullable=False),
    Column("name", Text, nullable=False),
    # Its beginning, by which its owner knows it again.
    Column("hint", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("scopes", Text, nullable=False),
    Column("cidrs", Text, nullable=False),
    # The first of those that it took the place of, one after the other: they have
    # one budget. None: it took that of no other.
    Column("first_id", Text),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("last_used_at", Moment),
    Column("revoked_at", Moment),
    Index(None, "tenant_id", "user_id"),
)

tickets = Table(
    "tickets",
    metadata,
    # What lets somebody set a password once: an invitation, or a forgotten one.
    Column("digest", LargeBinary, primary_key=True),
    Column("tenant_id", ForeignKey("tenants.id"), nullable=False),
    Column("user_id", ForeignKey("users.id"), nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("used_at", Moment),
    Index(None, "user_id"),
)

registrations = Table(
    "registrations",
    metadata,
    # Who wants to become a user, until they have shown that the address is theirs.
    Column("digest", LargeBinary, primary_key=True),
    Column("email", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Index(None, "email"),
    Index(None, "expires_at"),
)

second_factors = Table(
    "second_factors",
    metadata,
    # One authenticator for each user, who shows one of its codes beside the password.
    Column("user_id", ForeignKey("users.id"), primary_key=True),
    Column("tenant_id", ForeignKey("tenants.id"), nullable=False),
    Column("sealed", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    # None: nobody has shown a code of it yet, so that it protects nothing.
    Column("confirmed_at", Moment),
    # The time step of the last code that was taken: no earlier one is taken again.
    Column("last_step", BigInteger, nullable=False),
    # Wrong codes in a row, and when the last one came.
    Column("failures", Integer, nullable=False),
    Column("failed_at", Moment),
    # Whether the password is one that is too short without it.
    Column("short_password", Boolean, nullable=False),
    Index(None, "tenant_id"),
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    # What stands in for a code of the authenticator, once.
    Column("digest", LargeBinary, primary_key=True),
    Column("tenant_id", ForeignKey("tenants.id"), nullable=False),
    Column("user_id", ForeignKey("users.id"), nullable=False),
    Column("used_at", Moment),
    Index(None, "user_id"),
    Index(None, "tenant_id"),
)

external_identities = Table(
    "external_identities",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", ForeignKey("tenants.id"), nullable=False),
    Column("user_id", ForeignKey("users.id"), nullable=False),
    # Who says so, and whom they mean; an address may change hands.
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("email", Text),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("issuer", "subject"),
    Index(None, "tenant_id", "user_id"),
)

oauth_states = Table(
    "oauth_states",
    metadata,
    # A login that somebody began in one browser, and may end in that one only.
    Column("digest", LargeBinary, primary_key=True),
    Column("provider", Text, nullable=False),
    Column("verifier", Text, nullable=False),
    Column("nonce", Text, nullable=False),
    Column("cookie_digest", LargeBinary, nullable=False),
    Column("return_to", Text, nullable=False),
    # Whoever wants to be known by another service as well, and in which session.
    Column("user_id", ForeignKey("users.id")),
    Column("session_id", Text),
    Column("expires_at", Moment, nullable=False),
    Index(None, "expires_at"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", ForeignKey("tenants.id"), nullable=False),
    Column("at", Moment, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("details", JSON, nullable=False),
    Index(None, "tenant_id", "id"),
)
