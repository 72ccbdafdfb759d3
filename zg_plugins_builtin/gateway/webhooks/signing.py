"""Sign messages, and tell whether one was signed, by Standard Webhooks.

A secret is a text whose beginning says what it is: ``whsec_`` is shared by both
sides (HMAC-SHA256, ``v1``); ``whsk_`` signs with Ed25519 (``v1a``), and ``whpk_``,
which anybody may know, tells whether it did.

A receiver needs only `verify`; it stands on the standard library, and on
cryptography where a ``whpk_`` is given.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets as random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from zg_core.plugin_api import InputError, ZeroGravityError

__all__ = ["TOLERANCE", "SignatureError", "new_secret", "sign", "verify"]

TOLERANCE = timedelta(minutes=5)
"""How far the time of a message may lie from that of who receives it."""
SECRET, PRIVATE, PUBLIC = "whsec_", "whsk_", "whpk_"
_SECRET_BYTES = 32
_FEWEST_BYTES, _MOST_BYTES = 24, 64
_MOST_SIGNATURES = 32
_ID = re.compile(r"[\x21-\x2d\x2f-\x7e]{1,256}")
"""No full stop: it ends an id in what is signed, and must not be moved."""
_TIME = re.compile(r"[0-9]{1,12}")


class SignatureError(ZeroGravityError):
    """A message is not from who it says, or it is too old."""


def new_secret() -> str:
    """Make a secret that both sides share."""
    return SECRET + base64.b64encode(random.token_bytes(_SECRET_BYTES)).decode()


def sign(
    message_id: str, at: datetime, body: bytes, secrets: Sequence[str]
) -> dict[str, str]:
    """Return the headers that go with a message.

    Args:
        message_id: Its id, the same however often it is sent.
        at: When it is sent.
        body: Its body, byte for byte.
        secrets: Each signs, the newest first.

    Raises:
        InputError: If the id or a secret is none.
    """
    if not _ID.fullmatch(message_id):
        raise InputError("the id of the message is none", "give one without a '.'")
    seconds = str(int(at.timestamp()))
    content = _content(message_id, seconds, body)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": seconds,
        "webhook-signature": " ".join(_signature(s, content) for s in secrets),
    }


def verify(
    headers: Mapping[str, str],
    body: bytes,
    secrets: str | Sequence[str],
    *,
    now: datetime | None = None,
    tolerance: timedelta = TOLERANCE,
) -> None:
    """Return if a message was signed with one of the secrets, and lately.

    Whoever acts on a message should also keep its ``webhook-id`` for as long as the
    tolerance, since one that was received can be sent again by somebody else.

    Args:
        headers: The message's headers, in any case.
        body: Its body as it was received, byte for byte.
        secrets: A ``whsec_`` or ``whpk_``, or several of them.
        now: The time; if not given, this machine's.
        tolerance: How far the message's time may lie from it.

    Raises:
        SignatureError: If it was not.
        InputError: If a secret is none.
    """
    given = {name.lower(): value for name, value in headers.items()}
    message_id = given.get("webhook-id", "")
    seconds = given.get("webhook-timestamp", "")
    if not _ID.fullmatch(message_id) or not _TIME.fullmatch(seconds):
        raise SignatureError(
            "the message has no webhook-id and webhook-timestamp",
            "pass the headers as they were received",
        )
    away = (now or datetime.now(UTC)).timestamp() - int(seconds)
    signatures = given.get("webhook-signature", "").split(" ")[:_MOST_SIGNATURES]
    content = _content(message_id, seconds, body)
    known = [secrets] if isinstance(secrets, str) else secrets
    # All are tried, so that the time taken says nothing of which it was.
    if not any([_signed(s, content, signatures) for s in known]):  # noqa: C419
        raise SignatureError(
            "no signature of the message fits",
            "check the secret, and that the body is passed byte for byte",
        )
    if abs(away) > tolerance.total_seconds():
        when = "old" if away > 0 else "in the future"
        raise SignatureError(
            f"the message is {abs(away):.0f} s {when}",
            "check this machine's clock; if it is right, the message was sent again",
        )


def _content(message_id: str, seconds: str, body: bytes) -> bytes:
    return f"{message_id}.{seconds}.".encode() + body


def _signature(secret: str, content: bytes) -> str:
    if secret.startswith(PRIVATE):
        from .ed25519 import signature

        return "v1a," + base64.b64encode(signature(secret, content)).decode()
    return "v1," + base64.b64encode(_hmac(secret, content)).decode()


def _signed(secret: str, content: bytes, signatures: Sequence[str]) -> bool:
    if secret.startswith(PUBLIC):
        from .ed25519 import is_signed

        return is_signed(secret, content, _those("v1a", signatures))
    expected = _hmac(secret, content)
    given = _those("v1", signatures)
    return any([hmac.compare_digest(expected, s) for s in given])  # noqa: C419


def _those(version: str, signatures: Sequence[str]) -> list[bytes]:
    """Return the signatures of one version; what is none is as good as another's."""
    found = []
    for text in signatures:
        kind, _, encoded = text.partition(",")
        if kind == version:
            try:
                found.append(base64.b64decode(encoded, validate=True))
            except (binascii.Error, ValueError):
                continue
    return found


def _hmac(secret: str, content: bytes) -> bytes:
    return hmac.digest(key_bytes(secret, SECRET), content, hashlib.sha256)


def key_bytes(text: str, prefix: str) -> bytes:
    """Return the key that a text of that beginning holds.

    Raises:
        InputError: If it holds none; the text is not repeated.
    """
    try:
        key = base64.b64decode(text.removeprefix(prefix), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith(prefix) or not _FEWEST_BYTES <= len(key) <= _MOST_BYTES:
        raise InputError(
            "the secret of the webhook is none",
            f"give all of it, as it was shown: {SECRET}… or {PUBLIC}…",
        )
    return key
