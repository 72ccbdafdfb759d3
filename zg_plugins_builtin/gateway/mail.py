"""Letters to people, by somebody else's mail server (SMTP).

The standard library's client, in a thread: a letter is sent once in a while, and nobody
waits for it.
"""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass, field
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from ipaddress import ip_address
from typing import Literal, Protocol, TypeAlias

from anyio import to_thread

import zg_core as zg

from .errors import NoAnswerError

__all__ = ["Letter", "Mail", "MailServer", "MailSettings", "Security"]

Security: TypeAlias = Literal["starttls", "tls", "none"]
_PORTS: dict[Security, int] = {"starttls": 587, "tls": 465, "none": 25}
_SECONDS = 15.0
# What the standard library raises where a text is no address, or none of a header.
_NO_ADDRESS = (ValueError, MessageError, IndexError, AttributeError)


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSettings:
    """Which mail server takes our letters.

    Args:
        server: Its name.
        sender: The address that letters come from.
        port: Its port; that of the way it is encrypted if it is not said.
        security: How what is said to it is encrypted: ``starttls``, ``tls``, or
            ``none``, which is for a server on this machine.
        user: Whom it knows us as.
        password: What that one shows it.

    Raises:
        ConfigError: If a letter would be no secret on its way, or come from nobody.
    """

    server: str
    sender: str
    port: int | None = None
    security: Security = "starttls"
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.security not in _PORTS:
            raise zg.ConfigError(
                f"there is no way to encrypt called {self.security!r}",
                f"there are {', '.join(_PORTS)}",
            )
        if self.security == "none" and not _is_here(self.server):
            raise zg.ConfigError(
                f"letters to {self.server!r} would cross the network in the clear",
                "set security to 'starttls' or 'tls'",
            )
        try:
            Address(addr_spec=self.sender)
        except _NO_ADDRESS as error:
            raise zg.ConfigError(
                f"{self.sender!r} is no address that a letter can come from",
                "write it like 'zerogravity@example.com'",
            ) from error
        if bool(self.user) != bool(self.password):
            raise zg.ConfigError(
                "the mail server takes a user together with a password",
                "set both, or none of them",
            )


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter.

    Args:
        to: Whom it is for.
        subject: What it is about.
        text: What it says; it may hold a secret.
    """

    to: str
    subject: str
    text: str = field(repr=False)


class Mail(Protocol):
    """Sends letters."""

    async def send(self, letter: Letter) -> None:
        """Send one.

        Raises:
            NoAnswerError: If it was not taken.
        """
        ...


class MailServer:
    """Sends letters by a mail server.

    Args:
        settings: Which.
        context: Which certificates are believed; those of the system if not said.
    """

    def __init__(
        self, settings: MailSettings, context: ssl.SSLContext | None = None
    ) -> None:
        self._settings = settings
        self._context = context

    async def send(self, letter: Letter) -> None:
        """Send one.

        Raises:
            NoAnswerError: If the server cannot be reached, or does not take it.
        """
        try:
            await to_thread.run_sync(self._send, letter, abandon_on_cancel=True)
        except (OSError, smtplib.SMTPException, *_NO_ADDRESS) as error:
            raise NoAnswerError(
                "the mail server did not take a letter",
                f"check the mail server's settings ({type(error).__name__})",
                reason="connection" if isinstance(error, OSError) else "answer",
            ) from error

    def _send(self, letter: Letter) -> None:
        message = EmailMessage()
        message["From"] = Address(addr_spec=self._settings.sender)
        # As one address, whatever is in it: a comma would make two of it.
        message["To"] = Address(addr_spec=letter.to)
        message["Subject"] = letter.subject
        message["Date"] = formatdate()
        domain = self._settings.sender.rpartition("@")[2]
        message["Message-ID"] = make_msgid(domain=domain)
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(letter.text)
        with self._connected() as server:
            server.send_message(message)

    def _connected(self) -> smtplib.SMTP:
        settings = self._settings
        port = settings.port or _PORTS[settings.security]
        context = self._context or ssl.create_default_context()
        if settings.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                settings.server, port, timeout=_SECONDS, context=context
            )
        else:
            server = smtplib.SMTP(settings.server, port, timeout=_SECONDS)
        try:
            if settings.security == "starttls":
                server.starttls(context=context)
            if settings.user and settings.password:
                server.login(settings.user, settings.password)
        except BaseException:
            server.close()
            raise
        return server


def _is_here(server: str) -> bool:
    try:
        return ip_address(server).is_loopback
    except ValueError:
        return server == "localhost"
