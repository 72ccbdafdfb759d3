"""What goes wrong between us and a vendor's server, in our own errors."""

from __future__ import annotations

import math
import re
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import mktime_tz, parsedate_tz
from typing import TYPE_CHECKING

from zg_core.plugin_api import (
    ContextLengthError,
    Json,
    ProviderAuthError,
    ProviderError,
    ProviderRequestError,
    ProviderResponseError,
    ProviderTimeoutError,
    ProviderUnavailableError,
    RateLimitError,
)

from ._wire_json import load_json

if TYPE_CHECKING:
    import httpx2

__all__ = ["VendorErrors", "without_login"]

_STATUS = {
    "authentication_error": 401,
    "invalid_api_key": 401,
    "account_deactivated": 401,
    "billing_error": 402,
    "billing_hard_limit_reached": 402,
    "insufficient_quota": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "model_not_found": 404,
    "timeout_error": 408,
    "request_too_large": 413,
    "context_length_exceeded": 413,
    "exceed_context_size_error": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "invalid_request_error": 400,
    "slow_down": 429,
    "overloaded_error": 529,
}
"""What vendors call an error, as the HTTP status it means."""

_TOO_LONG = re.compile(
    r"context[ _](length|window|size|limit)|maximum context"
    r"|prompt is too long|too many tokens",
    re.IGNORECASE,
)
_NO_CREDIT = re.compile(r"credit balance|exceeded your current quota", re.IGNORECASE)
_FILTERED = frozenset(("content_filter", "content_policy_violation"))
_FLAGGED = frozenset(("reasons", "flagged_input"))
"""What OpenRouter says with its 403, which is told for bad keys as well."""
_BADLY_WRITTEN = frozenset(("tool_use_failed", "json_validate_failed"))
"""What Groq calls it when a model's own words are not what it was to write."""
_LOGIN = re.compile(r"(?<=://)[^/\s@]+@")
_HIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorErrors:
    """Makes the errors of one provider.

    Attributes:
        provider: The provider's name.
        url: Its base URL.
        login: How its key is set, in words.
        key: The key, which no message may repeat.
    """

    provider: str
    url: str
    login: str
    key: str = field(default="", repr=False)

    def of_package(self, error: Exception) -> ProviderError:
        """Turn what a vendor's package raised into our error."""
        response: httpx2.Response | None = getattr(error, "response", None)
        if response is not None:
            body = getattr(error, "body", None)
            return self.of_status(response.status_code, body, response.headers)
        return self.of_transport(error.__cause__ or error)

    def of_response(self, response: httpx2.Response) -> ProviderError:
        """Turn an answer that tells of an error into our error."""
        try:
            body = load_json(response.content)
        except ValueError:
            body = response.text
        return self.of_status(response.status_code, body, response.headers)

    def of_transport(self, error: BaseException) -> ProviderError:
        """Turn what the HTTP client raised into our error, by where it happened."""
        import httpx2

        if isinstance(error, httpx2.ReadTimeout):
            return ProviderTimeoutError(
                f"{self.provider} at {self.url} did not answer in time",
                "try again, or allow more with timeout_seconds in its settings",
            )
        if isinstance(error, httpx2.DecodingError):
            return self.unreadable(error)
        if isinstance(error, httpx2.ReadError):
            return self.unreadable("it ended too early")
        return ProviderUnavailableError(
            f"no connection to {self.provider} at {self.url} ({self._short(error)})",
            _remedy(error),
            # It was lost once it was there: the request may have been done by then.
            may_be_billed=isinstance(error, httpx2.RemoteProtocolError) or None,
        )

    def fit(self, error: Exception) -> Exception | None:
        """Return what a package raised, if it can be shown: it may repeat the key."""
        return error if self._short(error, most=None) == str(error) else None

    def unreadable(self, why: object, request_id: str | None = None) -> ProviderError:
        """Make the error of an answer that is not what it should be."""
        return ProviderResponseError(
            f"the answer of {self.provider} cannot be read: {self._short(why)}",
            f"try again; if it stays so, check the base URL {self.url}",
            request_id=request_id,
        )

    def of_stream(self, body: Json, headers: Mapping[str, str]) -> ProviderError:
        """Turn an error told within an answer that began well into our error."""
        return self.of_status(_status_of(_detail(body)), body, headers, begun=True)

    def of_status(
        self,
        status: int,
        body: Json,
        headers: Mapping[str, str],
        *,
        begun: bool = False,
    ) -> ProviderError:
        """Turn a vendor's error document into our error.

        Args:
            status: The HTTP status.
            body: The document; anything else is repeated as it is.
            headers: The headers of the answer.
            begun: Whether the model had begun to answer by then.
        """
        detail = _detail(body)
        said = self._short(detail.get("message") or body or "no reason was given")
        kind, cause, remedy = self._judge(status, detail, said, headers)
        request_id = headers.get("x-request-id") or headers.get("request-id")
        named = f", request {self._short(request_id)}" if request_id else ""
        return kind(
            f"{self.provider} {cause} ({status}: {said}{named})",
            remedy,
            retry_after=_retry_after(headers),
            status=status,
            request_id=request_id,
            may_be_billed=begun or None,
        )

    def _judge(
        self,
        status: int,
        detail: dict[str, Json],
        said: str,
        headers: Mapping[str, str],
    ) -> tuple[type[ProviderError], str, str]:
        meant = {status, _status_of(detail, otherwise=status)}
        if 402 in meant or (status in (400, 429) and _NO_CREDIT.search(said)):
            return ProviderAuthError, "wants to be paid first", "add credit there"
        if 413 in meant or (status in (400, 422) and _TOO_LONG.search(said)):
            remedy = "shorten the input, or name a model that can read more"
            return ContextLengthError, "cannot read so long a prompt", remedy
        if _is_filtered(detail):
            return ProviderRequestError, "refuses what is asked", "ask in other words"
        if _BADLY_WRITTEN & _names(detail):
            return ProviderResponseError, "cannot read its own model", "try again"
        match status:
            case 401 | 403:
                return ProviderAuthError, "does not accept the key", self.login
            case 404:
                remedy = f"check the name of the model and the base URL {self.url}"
                return ProviderRequestError, "knows no such model or address", remedy
            case 408 | 504:
                return ProviderTimeoutError, "took too long", "try again"
            case 429:
                remedy = "wait a little, or name a second model to fall back to"
                return RateLimitError, "allows no more requests for now", remedy
        if status in (409, 425) or status >= 500:
            remedy = "try again later, or name a second model to fall back to"
            return ProviderUnavailableError, "is out of order", remedy
        if 300 <= status < 400:
            target = self._short(headers.get("location", "nowhere"))
            remedy = f"set its base_url, if you trust the address: {target}"
            return ProviderRequestError, "redirects to another address", remedy
        return ProviderRequestError, "refused the request", "change what is asked"

    def _short(self, said: object, most: int | None = 300) -> str:
        """Return a vendor's words fit for one line, without the key."""
        text = without_login(str(said))
        if self.key:
            text = text.replace(self.key, "[key]")
        text = _HIDDEN.sub(" ", text).strip()
        return text if most is None or len(text) <= most else f"{text[:most]}…"


def without_login(text: str) -> str:
    """Return a text whose addresses hold no name and password."""
    return _LOGIN.sub("", text)


def _remedy(error: BaseException | None) -> str:
    """Say what helps where there is no connection."""
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            "if you trust who signed its certificate, name the file of theirs in the"
            " variable SSL_CERT_FILE; else check its base_url"
        )
    if error is not None:
        return "check that its base_url begins with https only if it speaks TLS"
    return "start the server there, or check its base_url, the network and the proxy"


def _detail(body: Json) -> dict[str, Json]:
    """Return the part of an error document that says what is wrong."""
    inner = body.get("error", body) if isinstance(body, dict) else None
    if isinstance(inner, str):
        return {"message": inner}
    return inner if isinstance(inner, dict) else {}


def _is_filtered(detail: dict[str, Json]) -> bool:
    metadata = detail.get("metadata")
    flagged = isinstance(metadata, dict) and _FLAGGED & metadata.keys()
    return bool(flagged or _FILTERED & _names(detail))


def _names(detail: dict[str, Json]) -> set[str]:
    """Return what an error is called."""
    names = (detail.get("code"), detail.get("type"))
    return {name for name in names if isinstance(name, str)}


def _status_of(detail: dict[str, Json], otherwise: int = 500) -> int:
    """Return the HTTP status an error means by what it is called."""
    for key in ("code", "type"):
        name = detail.get(key)
        if isinstance(name, int) and 400 <= name < 600:
            return name
        if isinstance(name, str) and name in _STATUS:
            return _STATUS[name]
    return otherwise


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds a server asks to wait: RFC 9110, §10.2.3, or in ms."""
    try:
        if "retry-after-ms" in headers:
            return _seconds(float(headers["retry-after-ms"]) / 1000)
        return _seconds(float(headers.get("retry-after", "")))
    except ValueError:
        return _until(headers.get("retry-after", ""))


def _until(date: str) -> float | None:
    """Return the seconds until a date, if it is one."""
    try:
        parsed = parsedate_tz(date)
        return _seconds(mktime_tz(parsed) - time.time()) if parsed else None
    except (OverflowError, ValueError):  # such as in the year 99999
        return None


def _seconds(value: float) -> float | None:
    return max(0.0, value) if math.isfinite(value) else None
