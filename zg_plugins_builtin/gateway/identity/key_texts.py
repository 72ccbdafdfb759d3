"""How secrets that we hand out are written, and what of them is kept.

An API key is ``zgk_live_`` (or ``zgk_test_``), 32 characters of chance, and a
checksum of all of that, so that a scanner knows a leaked one from a look-alike and a
typing error costs no look into the database. Of every secret only the SHA-256 is
kept: each is as good as its chance, which is more than anybody can try out.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import zlib
from typing import Literal

__all__ = ["API_KEY", "Environment", "checksum", "digest", "is_api_key"]
__all__ += ["new_api_key", "new_opaque"]

Environment = Literal["live", "test"]

API_KEY = "zgk_"
"""What every API key begins with."""

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM = 32
_CHECK = 6
_FORM = re.compile(
    rf"(zgk_(?:live|test)_[0-9A-Za-z]{{{_RANDOM}}})_([0-9A-Za-z]{{{_CHECK}}})", re.ASCII
)


def new_api_key(environment: Environment) -> str:
    """Make an API key."""
    chance = "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM))
    start = f"{API_KEY}{environment}_{chance}"
    return f"{start}_{checksum(start)}"


def is_api_key(text: str) -> bool:
    """Tell whether a text is written like an API key, checksum and all."""
    found = _FORM.fullmatch(text)
    return found is not None and checksum(found[1]) == found[2]


def checksum(start: str) -> str:
    """Return the last six characters of a key: its CRC-32, to the base of 62."""
    number = zlib.crc32(start.encode())
    digits = []
    for _ in range(_CHECK):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))


def new_opaque(prefix: str) -> str:
    """Make a secret of 256 bits that says nothing but what it is for."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"


def digest(secret: str) -> bytes:
    """Return what is kept of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
