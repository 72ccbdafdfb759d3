"""Tell whether a webhook is from the service, and read it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from zg_core.plugin_api import ConfigError, InputError
from zg_plugins_builtin.gateway.webhooks.signing import (
    TOLERANCE,
    SignatureError,
    verify,
)

from .records import WebhookEvent

__all__ = ["SignatureError", "verify_webhook"]


def verify_webhook(
    headers: Mapping[str, str],
    body: bytes,
    secrets: str | Sequence[str],
    *,
    now: datetime | None = None,
    tolerance: timedelta = TOLERANCE,
) -> WebhookEvent:
    """Return what a webhook tells, if it was signed with one of the secrets, lately.

    A message may come twice: keep its `WebhookEvent.message_id`, and act on it once.

    Args:
        headers: The headers of the request, in any case.
        body: Its body as it was received, byte for byte.
        secrets: A secret (``whsec_``) or a public key (``whpk_``), or several of
            them: the old one and the new, while a secret is changed.
        now: The time; if not given, this machine's.
        tolerance: How far the message's time may lie from it.

    Raises:
        SignatureError: If it is from somebody else, or too old, or no message.
        InputError: If a secret is none, or the body is no bytes.
        ConfigError: If a public key is given, and cryptography is not installed.
    """
    if not isinstance(body, bytes | bytearray):
        raise InputError(
            "the body of a webhook is bytes, and this is none",
            "pass it as it was received: what signs it are its bytes",
        )
    try:
        verify(headers, body, secrets, now=now, tolerance=tolerance)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "cryptography":
            raise
        raise ConfigError(
            "to check a public key needs a package that is not installed: cryptography",
            "pip install cryptography, or give the secret (whsec_)",
        ) from error
    try:
        said = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise SignatureError(
            "the body is signed, and is no JSON", "report it to who runs the service"
        ) from error
    given = {name.lower(): value for name, value in headers.items()}
    return WebhookEvent.of(said, message_id=given["webhook-id"])
