"""Letters through a real mail server on this machine, as it takes them."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

import zg_core as zg
from zg_plugins_builtin.gateway.account_settings import read_mail, read_registration
from zg_plugins_builtin.gateway.errors import NoAnswerError
from zg_plugins_builtin.gateway.mail import Letter, MailServer, MailSettings
from zg_plugins_builtin.gateway.settings import GatewaySettings

aiosmtpd = pytest.importorskip("aiosmtpd.controller")
smtp = pytest.importorskip("aiosmtpd.smtp")
pytestmark = pytest.mark.anyio
LETTER = Letter("ada@example.com", "Your password", "The ticket: zgt_1\n")
AUTHORITY = trustme.CA()


class Kept:
    """Keeps what the server takes."""

    def __init__(self) -> None:
        self.envelopes: list[Any] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.envelopes.append(envelope)
        return "250 OK"


class AnyPort(aiosmtpd.Controller):  # type: ignore[misc, name-defined]
    """A server that knows its port before it tries whether it answers."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def mail_server(**more: Any) -> Iterator[tuple[Kept, int]]:
    kept = Kept()
    controller = AnyPort(kept, hostname="127.0.0.1", port=0, ready_timeout=20, **more)
    controller.start()
    try:
        yield kept, controller.port
    finally:
        controller.stop()


def trusted() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return what a server shows, and what believes it."""
    shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert("localhost").configure_cert(shown)
    believes = ssl.create_default_context()
    AUTHORITY.configure_trust(believes)
    return shown, believes


def settings(port: int, **more: Any) -> MailSettings:
    decided = {"server": "localhost", "sender": "zg@host.example", "port": port, **more}
    return MailSettings(**decided)


async def test_a_letter_arrives_as_it_was_written() -> None:
    with mail_server() as (kept, port):
        await MailServer(settings(port, security="none")).send(LETTER)

    (envelope,) = kept.envelopes
    text = envelope.content.decode()
    assert (envelope.mail_from, envelope.rcpt_tos) == ("zg@host.example", [LETTER.to])
    assert "Subject: Your password" in text
    assert "The ticket: zgt_1" in text


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_letter_is_encrypted_on_its_way(security: str) -> None:
    shown, believes = trusted()
    if security == "tls":
        more = {"ssl_context": shown}
    else:
        more = {"tls_context": shown, "require_starttls": True}
    with mail_server(**more) as (kept, port):
        await MailServer(settings(port, security=security), believes).send(LETTER)

        with pytest.raises(NoAnswerError):  # whom nobody vouches for
            await MailServer(settings(port, security=security)).send(LETTER)

    assert len(kept.envelopes) == 1


@pytest.mark.heavy
async def test_the_service_shows_the_mail_server_who_it_is() -> None:
    shown, believes = trusted()

    def known(server: Any, session: Any, envelope: Any, how: str, said: Any) -> Any:
        right = (said.login, said.password) == (b"zg", b"their-password")
        return smtp.AuthResult(success=right, handled=False)

    more = {"tls_context": shown, "authenticator": known, "auth_required": True}
    with mail_server(**more) as (kept, port):
        for password in ("their-password", "wrong"):
            sends = MailServer(settings(port, user="zg", password=password), believes)
            if password == "wrong":
                with pytest.raises(NoAnswerError):
                    await sends.send(LETTER)
            else:
                await sends.send(LETTER)

    assert len(kept.envelopes) == 1


@pytest.mark.parametrize(
    "to", ["a@x.example, b@evil.example", "a\r\nBcc: b@evil.example", "<a@x>, b@y", ""]
)
async def test_no_address_makes_a_second_one_or_a_header(to: str) -> None:
    with mail_server() as (kept, port), pytest.raises(NoAnswerError):
        await MailServer(settings(port, security="none")).send(Letter(to, "s", "t"))

    assert kept.envelopes == []


async def test_a_mail_server_that_is_not_there_is_an_error_of_ours() -> None:
    with pytest.raises(NoAnswerError):
        await MailServer(settings(1, security="none")).send(LETTER)


@pytest.mark.parametrize(
    "decided",
    [
        pytest.param({"server": "mail.example", "security": "none"}, id="in the clear"),
        pytest.param({"security": "rot13"}, id="no encryption"),
        pytest.param({"sender": "nobody"}, id="no sender"),
        pytest.param({"user": "zg"}, id="no password"),
    ],
)
def test_a_mail_server_that_would_tell_secrets_is_refused(decided: Any) -> None:
    with pytest.raises(zg.ConfigError):
        settings(25, **decided)


@pytest.mark.parametrize(
    "section",
    [
        {"serve": "x"},
        {"server": "x"},
        {"server": 1, "sender": "a@b"},
        {"port": 25},
        {"server": "localhost", "sender": "a@b.example", "port": 0},
    ],
)
def test_settings_of_mail_that_are_wrong_are_refused(section: dict[str, Any]) -> None:
    with pytest.raises(zg.ConfigError):
        read_mail(zg.Settings("builtin", section), "t")


@pytest.mark.parametrize(
    "section",
    [
        {"domain": []},
        {"domains": []},
        {"domains": "x.example"},
        {"role": "member"},
        *({"domains": ["*"], "role": role} for role in ("owner", "admin", 1)),
    ],
)
def test_settings_of_registration_that_are_wrong_are_refused(
    section: dict[str, Any],
) -> None:
    with pytest.raises(zg.ConfigError):
        read_registration(zg.Settings("builtin", section), "t")


def test_nobody_registers_whom_nobody_can_write_to(tmp_path: Path) -> None:
    registration = read_registration(
        zg.Settings("builtin", {"domains": ["X.example"]}), "t"
    )
    assert registration is not None
    assert registration.takes("a@x.example")
    assert not registration.takes("a@y.x.example")

    with pytest.raises(zg.ConfigError, match="mail"):
        GatewaySettings(folder=tmp_path, registration=registration)
