"""Addresses of people, in one form."""

from __future__ import annotations

import re
import unicodedata

from ..errors import Fault, InvalidRequestError

__all__ = ["checked_email", "normalised_email"]

LONGEST = 254
_FORM = re.compile(r"[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]+")


def normalised_email(text: str) -> str | None:
    """Return an address in the form by which it is found; `None` if it is none."""
    if len(text) > LONGEST:
        return None
    form = unicodedata.normalize("NFKC", text.strip()).casefold()
    try:
        form.encode()
    except UnicodeEncodeError:
        return None
    return form if len(form) <= LONGEST and _FORM.fullmatch(form) else None


def checked_email(text: str) -> str:
    """Return an address in the form by which it is found.

    Raises:
        InvalidRequestError: If it is none.
    """
    form = normalised_email(text)
    if form is None:
        raise InvalidRequestError(
            "the address is none that a person can have",
            "",
            Fault("/email", "format", "must be an e-mail address"),
        )
    return form
