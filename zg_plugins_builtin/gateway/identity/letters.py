"""What people are written to: how they get in again, or in at all.

Whoever asks is answered before anything is looked up, and always alike: neither the
answer nor the time it takes says whether there is such a user.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, insert, select

from ..clock import Clock
from ..database import Database
from ..errors import (
    ConflictError,
    ForbiddenError,
    GatewayError,
    UnavailableError,
)
from ..mail import Letter, Mail
from . import tables
from .accounts import Account, find_account
from .audit import record
from .emails import checked_email
from .key_texts import digest, new_opaque
from .tickets import add_ticket
from .user_requests import checked_name
from .users import add_user

__all__ = ["Letters", "Registration", "take_registration"]

_log = logging.getLogger(__name__)
_RESET = timedelta(minutes=30)
_REGISTRATION = timedelta(hours=24)
_MOST_OPEN = 3
"""How many good tickets somebody may have, however often somebody asks for one."""
_WAITING = 200
_USERS, _TICKETS = tables.users.c, tables.tickets.c
_REGISTRATIONS = tables.registrations.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """Who may become a user by themselves.

    Args:
        domains: Whoever has an address at one of these; ``*`` is anybody.
        role: What they become, in the tenant of who runs the service.
    """

    domains: frozenset[str]
    role: str = "member"

    def takes(self, email: str) -> bool:
        """Tell whether somebody may."""
        domain = email.rpartition("@")[2]
        return "*" in self.domains or domain in self.domains


@dataclass(frozen=True, slots=True)
class _Asked:
    """What somebody asked for, and for whom."""

    what: str
    email: str
    name: str = ""


class Letters:
    """Takes what people ask for, and writes to them.

    Args:
        database: The database.
        clock: The time.
        mail: What sends letters; without it the operator is told, and nobody else.
        address: The address of the service, for those who read a letter.
        registration: Who may register; nobody if it is not said.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        mail: Mail | None,
        address: str,
        registration: Registration | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._mail = mail
        self._address = address
        self._registration = registration
        self._waiting: asyncio.Queue[_Asked] = asyncio.Queue(_WAITING)

    def forgot(self, email: str) -> None:
        """Write to somebody who forgot their password, if there is such a user.

        Raises:
            InvalidRequestError: If it is no address.
            UnavailableError: If too many wait for a letter.
        """
        self._ask(_Asked("forgot", checked_email(email)))

    def register(self, email: str, name: str = "") -> None:
        """Write to somebody who wants to become a user, unless they are one.

        Raises:
            InvalidRequestError: If it is no address, or no name.
            ForbiddenError: If nobody may register, or nobody at such an address.
            UnavailableError: If too many wait for a letter.
        """
        address, called = checked_email(email), checked_name(name)
        if self._registration is None or self._mail is None:
            raise ForbiddenError("nobody registers here", "ask for an invitation")
        if not self._registration.takes(address):
            raise ForbiddenError(
                "nobody registers with an address at that domain",
                "use another address, or ask for an invitation",
            )
        self._ask(_Asked("register", address, called))

    async def run(self) -> None:
        """Write until this is cancelled."""
        while True:
            asked = await self._waiting.get()
            try:
                await self._answer(asked)
            except GatewayError as error:
                # Neither the address nor the ticket belongs into a log.
                _log.warning("letter.not_sent", extra={"why": str(error)})

    def _ask(self, asked: _Asked) -> None:
        try:
            self._waiting.put_nowait(asked)
        except asyncio.QueueFull as error:
            raise UnavailableError(
                "too many wait for a letter", "ask again later"
            ) from error

    async def _answer(self, asked: _Asked) -> None:
        if self._mail is None:
            _log.warning(
                "letter.no_mail_server",
                extra={"remedy": "set up mail, or use 'zg users invite'"},
            )
            return
        made = self._forgot if asked.what == "forgot" else self._register
        now = self._clock.now()
        letter = await self._database.write(lambda c: made(c, asked, now))
        if letter is not None:
            await self._mail.send(letter)

    # -- In a transaction --------------------------------------------------------------

    def _forgot(
        self, connection: Connection, asked: _Asked, now: datetime
    ) -> Letter | None:
        account = find_account(connection, _USERS.email == asked.email)
        # Who was only invited has that letter; who logs in elsewhere has no password.
        if account is None or not account.active or account.password_hash is None:
            return None
        good = select(func.count()).where(
            _TICKETS.user_id == account.user_id,
            _TICKETS.used_at.is_(None),
            _TICKETS.expires_at > now,
        )
        if (connection.scalar(good) or 0) >= _MOST_OPEN:
            return None
        ticket = add_ticket(
            connection, now, account.tenant_id, account.user_id, lifetime=_RESET
        )
        record(
            connection,
            now,
            account.tenant_id,
            account.user_id,
            "user.reset_asked",
            account.user_id,
        )
        return Letter(
            asked.email,
            "Your password",
            _text(
                "Somebody, you perhaps, forgot the password of your account at",
                self._address,
                ticket.secret,
                "It is good once, within 30 minutes. If it was not you, do nothing.",
            ),
        )

    def _register(
        self, connection: Connection, asked: _Asked, now: datetime
    ) -> Letter | None:
        if find_account(connection, _USERS.email == asked.email) is not None:
            return Letter(
                asked.email,
                "Your account",
                f"Somebody, you perhaps, wanted to register at {self._address} with "
                "this address.\nThere is an account of yours already. If you forgot "
                "its password, ask for another one there.\n",
            )
        mine = _REGISTRATIONS.email == asked.email
        good = select(func.count()).where(mine, _REGISTRATIONS.expires_at > now)
        if (connection.scalar(good) or 0) >= _MOST_OPEN:
            return None
        secret = new_opaque("zgt")
        connection.execute(
            insert(tables.registrations).values(
                digest=digest(secret),
                email=asked.email,
                name=asked.name,
                expires_at=now + _REGISTRATION,
            )
        )
        return Letter(
            asked.email,
            "Your new account",
            _text(
                "Somebody, you perhaps, wants to open an account for you at",
                self._address,
                secret,
                "It is good once, within 24 hours. If it was not you, do nothing.",
            ),
        )


def take_registration(
    connection: Connection,
    now: datetime,
    secret: str,
    role: str,
    hashed: str,
    check: Callable[[str, str], None],
) -> Account | None:
    """Make a user of who registered; `None` if it is no good ticket of anybody's.

    Args:
        connection: The transaction.
        now: The time.
        secret: The ticket.
        role: What they become.
        hashed: The hash of the password that they chose.
        check: Called with the address and the name; raises if the password is no
            good for that.

    Raises:
        ConflictError: If there is a user of that address by now.
    """
    used = (
        delete(tables.registrations)
        .where(_REGISTRATIONS.digest == digest(secret), _REGISTRATIONS.expires_at > now)
        .returning(_REGISTRATIONS.email, _REGISTRATIONS.name)
    )
    row = connection.execute(used).one_or_none()
    if row is None:
        return None
    email, name = row
    check(email, name)
    if find_account(connection, _USERS.email == email) is not None:
        raise ConflictError("there is a user of that address already")
    tenants = tables.tenants.c
    host = connection.scalar(select(tenants.id).where(tenants.is_host))
    if host is None:
        return None
    made = add_user(connection, now, host, "registration", email, [role], name, hashed)
    connection.execute(
        delete(tables.registrations).where(_REGISTRATIONS.email == email)
    )
    return find_account(connection, _USERS.id == made.id)


def _text(why: str, address: str, secret: str, until: str) -> str:
    return (
        f"{why} {address}.\n\nThis ticket sets the password:\n\n    {secret}\n\n"
        f"{until}\nNobody who works on the service ever asks for it.\n"
    )
