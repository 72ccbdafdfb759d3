"""Write sessions and the tokens that refresh them, in somebody's transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, RowMapping, insert, select, update

from ..ids import new_id
from . import tables
from .accounts import COLUMNS, Account
from .audit import record
from .factor_codes import note_password
from .key_texts import digest, new_opaque
from .sessions import revoke_sessions
from .tickets import void_tickets

__all__ = [
    "Opened",
    "change_password_of",
    "drop_password",
    "end_family",
    "open_session",
    "prove_anew",
    "renew_session",
    "session_of",
    "set_hash",
    "use_up",
]

LIFETIME = timedelta(days=30)
"""How long a session lasts, however often it is refreshed."""
_MOST_SAID = 200
_USERS, _SESSIONS, _REFRESH = tables.users.c, tables.sessions.c, tables.refresh_tokens.c


@dataclass(frozen=True, slots=True, repr=False)
class Opened:
    """A session, and the token that refreshes it next."""

    account: Account
    session_id: str
    amr: tuple[str, ...]
    auth_time: datetime
    refresh_token: str


def open_session(
    connection: Connection,
    now: datetime,
    account: Account,
    amr: tuple[str, ...],
    client: str,
    address: str,
) -> Opened:
    """Begin a session, and make its first refresh token."""
    session_id = new_id("ses", now)
    connection.execute(
        insert(tables.sessions).values(
            id=session_id,
            tenant_id=account.tenant_id,
            user_id=account.user_id,
            amr=" ".join(amr),
            client=_said(client),
            address=_said(address),
            auth_time=now,
            last_used_at=now,
            expires_at=now + LIFETIME,
        )
    )
    record(
        connection,
        now,
        account.tenant_id,
        account.user_id,
        "session.opened",
        session_id,
    )
    refresh_token = _new_refresh_token(connection, now, account, session_id)
    return Opened(account, session_id, amr, now, refresh_token)


def _new_refresh_token(
    connection: Connection, now: datetime, account: Account, session_id: str
) -> str:
    token = new_opaque("zgr")
    connection.execute(
        insert(tables.refresh_tokens).values(
            digest=digest(token),
            tenant_id=account.tenant_id,
            session_id=session_id,
            created_at=now,
        )
    )
    return token


def session_of(connection: Connection, used: bytes) -> RowMapping | None:
    """Return the session of a refresh token, with its user."""
    found = connection.execute(
        select(
            *COLUMNS,
            _SESSIONS.id.label("session_id"),
            _SESSIONS.amr,
            _SESSIONS.auth_time,
            _SESSIONS.revoked_at,
            _SESSIONS.expires_at.label("session_expires_at"),
        )
        .join_from(
            tables.refresh_tokens,
            tables.sessions,
            onclause=_REFRESH.session_id == _SESSIONS.id,
        )
        .join(tables.users, _USERS.id == _SESSIONS.user_id)
        .join(tables.tenants, tables.tenants.c.id == _SESSIONS.tenant_id)
        .where(_REFRESH.digest == used)
    )
    return found.mappings().one_or_none()


def use_up(connection: Connection, now: datetime, used: bytes) -> bool:
    """Use a refresh token up; tell whether nobody did before."""
    changed = connection.execute(
        update(tables.refresh_tokens)
        .where(_REFRESH.digest == used, _REFRESH.used_at.is_(None))
        .values(used_at=now)
    )
    return changed.rowcount == 1


def end_family(
    connection: Connection, now: datetime, account: Account, session_id: str
) -> bool:
    """Revoke the session of a refresh token that came twice; tell whether it stood."""
    ended = revoke_sessions(connection, now, "reuse", _SESSIONS.id == session_id)
    for id_ in ended:
        record(
            connection,
            now,
            account.tenant_id,
            account.user_id,
            "session.reuse_detected",
            id_,
        )
    return bool(ended)


def renew_session(
    connection: Connection,
    now: datetime,
    account: Account,
    row: RowMapping,
) -> Opened | None:
    """Make a session's next refresh token; `None` if it does not stand any more."""
    session_id = row["session_id"]
    still = connection.execute(
        update(tables.sessions)
        .where(_SESSIONS.id == session_id, _SESSIONS.revoked_at.is_(None))
        .values(last_used_at=now)
    )
    if not still.rowcount:
        return None  # it was revoked between the two statements
    return Opened(
        account=account,
        session_id=session_id,
        amr=tuple(row["amr"].split()),
        auth_time=row["auth_time"],
        refresh_token=_new_refresh_token(connection, now, account, session_id),
    )


def prove_anew(
    connection: Connection,
    now: datetime,
    account: Account,
    session_id: str,
    amr: tuple[str, ...],
) -> Opened | None:
    """Note that somebody proved again who they are; `None` if the session ended.

    The tokens that refreshed it are used up: only who proved it goes on.
    """
    changed = connection.execute(
        update(tables.sessions)
        .where(
            _SESSIONS.id == session_id,
            _SESSIONS.user_id == account.user_id,
            _SESSIONS.revoked_at.is_(None),
        )
        .values(auth_time=now, last_used_at=now, amr=" ".join(amr))
    )
    if not changed.rowcount:
        return None
    connection.execute(
        update(tables.refresh_tokens)
        .where(_REFRESH.session_id == session_id, _REFRESH.used_at.is_(None))
        .values(used_at=now)
    )
    refresh_token = _new_refresh_token(connection, now, account, session_id)
    return Opened(account, session_id, amr, now, refresh_token)


def change_password_of(
    connection: Connection,
    now: datetime,
    account: Account,
    actor: str,
    hashed: str,
    *,
    short: bool = False,
) -> None:
    """Set another password; sessions end, and tickets are void."""
    set_hash(connection, account.user_id, hashed)
    note_password(connection, account.user_id, short=short)
    void_tickets(connection, now, account.user_id)
    ours = _SESSIONS.user_id == account.user_id
    revoke_sessions(connection, now, "user.password_changed", ours)
    record(
        connection,
        now,
        account.tenant_id,
        actor,
        "user.password_changed",
        account.user_id,
    )


def set_hash(connection: Connection, user_id: str, hashed: str) -> None:
    """Keep another hash of a password."""
    connection.execute(
        update(tables.users).where(_USERS.id == user_id).values(password_hash=hashed)
    )


def drop_password(connection: Connection, user_id: str) -> None:
    """Let nobody in by a user's password, until they set another."""
    statement = update(tables.users).where(_USERS.id == user_id)
    connection.execute(statement.values(password_hash=None))


def _said(text: str) -> str:
    """Return what a client says of itself, as far as it can be kept and shown."""
    return "".join(c for c in text[:_MOST_SAID] if c.isprintable())
