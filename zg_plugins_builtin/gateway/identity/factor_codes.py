"""Codes of authenticators (RFC 6238) and what stands in for one, in a transaction.

A code is taken once: the time step of the last one is kept, and none that is as old is
taken again. Who guesses gets ten wrong ones, and then waits.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from datetime import datetime, timedelta
from typing import Any, Protocol

import pyotp
from sqlalchemy import Connection, Row, delete, insert, select, update

from . import tables
from .key_texts import digest

__all__ = [
    "Seals",
    "about",
    "has_factor",
    "new_recovery_codes",
    "note_password",
    "take_code",
    "take_totp",
]

STEP = 30
"""Seconds that a code is shown for."""
_NEAR = (0, -1, 1)
"""Steps that a phone's clock may be apart from ours."""
_MOST_WRONG = 10
_REST = timedelta(minutes=15)
_CODES = 10
_CODE_BYTES = 10
_FACTORS, _CODES_OF = tables.second_factors.c, tables.recovery_codes.c


class Seals(Protocol):
    """Keeps what must be read again from whoever reads the database."""

    def close(self, text: str, about: str) -> str:
        """Seal a text that belongs to something."""
        ...

    def open(self, sealed: str, about: str) -> str:
        """Return what was sealed."""
        ...


def about(user_id: str) -> str:
    """Return what a sealed secret belongs to."""
    return f"second factor of {user_id}"


def has_factor(connection: Connection, user_id: str) -> bool:
    """Tell whether somebody shows a code beside their password."""
    query = select(_FACTORS.user_id).where(
        _FACTORS.user_id == user_id, _FACTORS.confirmed_at.is_not(None)
    )
    return connection.scalar(query) is not None


def take_code(
    connection: Connection, now: datetime, seal: Seals, user_id: str, code: str
) -> bool:
    """Use up a code of somebody's authenticator, or one that stands in for it.

    Whether it was good is written down, so that the transaction must not be undone.
    """
    row = connection.execute(
        select(tables.second_factors)
        .where(_FACTORS.user_id == user_id, _FACTORS.confirmed_at.is_not(None))
        .with_for_update()
    ).one_or_none()
    if row is None or _rests(row, now):
        return False
    said = code.strip().replace(" ", "")
    good = take_totp(connection, now, seal, row, said) or _take_recovery(
        connection, now, user_id, said
    )
    failed = {"failures": 0} if good else _failed(row, now)
    connection.execute(
        update(tables.second_factors).where(_FACTORS.user_id == user_id).values(failed)
    )
    return good


def take_totp(
    connection: Connection, now: datetime, seal: Seals, row: Row[Any], code: str
) -> bool:
    """Use up a code of an authenticator."""
    step = _step_of(seal.open(row.sealed, about(row.user_id)), code, now)
    if step is None:
        return False
    taken = connection.execute(
        update(tables.second_factors)
        .where(_FACTORS.user_id == row.user_id, _FACTORS.last_step < step)
        .values(last_step=step)
    )
    return taken.rowcount == 1


def _step_of(secret: str, code: str, now: datetime) -> int | None:
    """Return the time step at which an authenticator shows a code, if it is near."""
    if len(code) != 6 or not code.isascii() or not code.isdecimal():
        return None
    totp, step = pyotp.TOTP(secret, interval=STEP), int(now.timestamp()) // STEP
    for near in _NEAR:
        if hmac.compare_digest(totp.generate_otp(step + near), code):
            return step + near
    return None


def _take_recovery(
    connection: Connection, now: datetime, user_id: str, code: str
) -> bool:
    taken = connection.execute(
        update(tables.recovery_codes)
        .where(
            _CODES_OF.digest == digest(_written(user_id, code)),
            _CODES_OF.user_id == user_id,
            _CODES_OF.used_at.is_(None),
        )
        .values(used_at=now)
    )
    return taken.rowcount == 1


def _rests(row: Row[Any], now: datetime) -> bool:
    """Tell whether so many wrong codes came that none is looked at for a while."""
    wrong: bool = row.failures >= _MOST_WRONG
    return wrong and row.failed_at is not None and now - row.failed_at < _REST


def _failed(row: Row[Any], now: datetime) -> dict[str, Any]:
    over = row.failures >= _MOST_WRONG  # it has rested: count anew
    return {"failures": 1 if over else row.failures + 1, "failed_at": now}


def new_recovery_codes(
    connection: Connection, tenant_id: str, user_id: str
) -> tuple[str, ...]:
    """Make the codes that stand in for an authenticator; earlier ones are void."""
    connection.execute(
        delete(tables.recovery_codes).where(_CODES_OF.user_id == user_id)
    )
    codes = tuple(_new_code() for _ in range(_CODES))
    connection.execute(
        insert(tables.recovery_codes),
        [
            {
                "digest": digest(_written(user_id, code)),
                "tenant_id": tenant_id,
                "user_id": user_id,
            }
            for code in codes
        ],
    )
    return codes


def _new_code() -> str:
    text = base64.b32encode(secrets.token_bytes(_CODE_BYTES)).decode().lower()
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))


def _written(user_id: str, code: str) -> str:
    """Return a code as it is kept: with whose it is, however it was typed."""
    return f"{user_id}/{code.casefold().replace('-', '')}"


def note_password(connection: Connection, user_id: str, *, short: bool) -> None:
    """Keep in mind whether a password is too short without a second factor."""
    connection.execute(
        update(tables.second_factors)
        .where(_FACTORS.user_id == user_id)
        .values(short_password=short)
    )
