"""Call a provider, and read what it says as far as we understand it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from ..egress.sending import Answer
from ..errors import NoAnswerError, UnauthenticatedError
from .providers import OAuthProvider

__all__ = ["Sends", "fetch_json", "fetch_tokens", "strange"]

MOST_BYTES = 256 * 1024


class Sends(Protocol):
    """Sends requests to where they may go: `Egress`."""

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        most_bytes: int = MOST_BYTES,
    ) -> Answer:
        """Send a request, and return its answer."""
        ...


async def fetch_json(sends: Sends, url: str, token: str | None = None) -> Any:
    """Return a JSON document.

    Args:
        sends: What sends.
        url: Where it is.
        token: An access token of the provider's, to show.

    Raises:
        NoAnswerError: If there is none.
    """
    headers = {"accept": "application/json"}
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    answer = await sends.send("GET", url, headers=headers, most_bytes=MOST_BYTES)
    if answer.status != 200:
        raise strange()
    return _json(answer)


async def fetch_tokens(
    sends: Sends,
    url: str,
    provider: OAuthProvider,
    form: Mapping[str, str],
    *,
    basic: bool,
) -> dict[str, Any]:
    """Return the tokens that a provider gives for a code.

    Args:
        sends: What sends.
        url: The token endpoint.
        provider: Who we are there.
        form: The code, and what goes with it.
        basic: Whether we prove who we are in a header, or in the form.

    Raises:
        UnauthenticatedError: If it gives none for that code.
        NoAnswerError: If it says nothing we understand.
    """
    headers = {
        "accept": "application/json",
        "content-type": "application/x-www-form-urlencoded",
    }
    fields = {"grant_type": "authorization_code", **form}
    if basic:
        both = f"{quote(provider.client_id)}:{quote(provider.client_secret)}"
        encoded = base64.b64encode(both.encode()).decode()
        headers["authorization"] = f"Basic {encoded}"
    else:
        fields |= {
            "client_id": provider.client_id,
            "client_secret": provider.client_secret,
        }
    content = urlencode(fields).encode()
    answer = await sends.send(
        "POST", url, headers=headers, content=content, most_bytes=MOST_BYTES
    )
    if answer.status >= 500:
        raise strange()
    tokens = _json(answer)
    if not isinstance(tokens, dict) or answer.status != 200 or "error" in tokens:
        raise UnauthenticatedError("the provider does not know that login")
    return tokens


def _json(answer: Answer) -> Any:
    try:
        if answer.truncated:
            raise strange()
        return json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise strange() from error


def strange() -> NoAnswerError:
    """Return the error for a provider that says what nobody understands."""
    return NoAnswerError(
        "the provider gave no answer of use", "try again later", reason="answer"
    )
