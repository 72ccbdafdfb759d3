"""Places in a list that only we can have written."""

from __future__ import annotations

import binascii
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from hashlib import sha256

import zg_core as zg

from ..errors import Fault, InvalidRequestError

__all__ = ["Cursors"]

_SIGNATURE = 16
_LONGEST = 1024


class Cursors:
    """Signs where the next page of a list begins, and checks what comes back.

    A cursor is good for one tenant and one listing only: one that was leaked, or was
    taken from a list with other filters, is refused.

    Args:
        key: The secret to sign with, of 32 bytes at least.

    Raises:
        ConfigError: If the key is too short.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) < 32:
            raise zg.ConfigError(
                "the key that signs cursors is too short", "make one of 32 bytes"
            )
        self._key = key

    def sign(self, tenant: str, listing: str, position: Sequence[str | int]) -> str:
        """Return the cursor that leads to a position.

        Args:
            tenant: Whose list it is.
            listing: Which list, with its filters and its order.
            position: The sort key and the id of the last row that was shown.
        """
        said = json.dumps(list(position), separators=(",", ":")).encode()
        signed = self._signature(tenant, listing, said) + said
        return urlsafe_b64encode(signed).rstrip(b"=").decode()

    def read(self, tenant: str, listing: str, cursor: str) -> tuple[str | int, ...]:
        """Return the position that a cursor leads to.

        Args:
            tenant: Whose list it is.
            listing: Which list, as it was signed.
            cursor: What the client sent.

        Raises:
            InvalidRequestError: If it is not ours, or not for this.
        """
        signed = _decoded(cursor)
        signature, said = signed[:_SIGNATURE], signed[_SIGNATURE:]
        if not hmac.compare_digest(signature, self._signature(tenant, listing, said)):
            raise InvalidRequestError(
                "the cursor does not belong to this list",
                "begin again without a cursor",
                Fault("/cursor", "cursor", "it is none of this list's", "query"),
            )
        return tuple(json.loads(said))

    def _signature(self, tenant: str, listing: str, said: bytes) -> bytes:
        # Each part with its length, so that no two triples look the same.
        parts = (tenant.encode(), listing.encode(), said)
        message = b"".join(len(part).to_bytes(4) + part for part in parts)
        return hmac.digest(self._key, message, sha256)[:_SIGNATURE]


def _decoded(cursor: str) -> bytes:
    if len(cursor) > _LONGEST or not cursor.isascii():
        return b""
    try:
        signed = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except (binascii.Error, ValueError):
        return b""
    # Base64 has many spellings of the same bytes; ours is the only one taken.
    return signed if urlsafe_b64encode(signed).rstrip(b"=").decode() == cursor else b""
