"""Signatures of Ed25519, which the service makes and anybody can check."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from zg_core.plugin_api import InputError

from .signing import PRIVATE, PUBLIC, key_bytes

__all__ = ["is_signed", "new_private_key", "public_key", "signature"]


def new_private_key() -> str:
    """Make a key that signs."""
    key = Ed25519PrivateKey.generate().private_bytes_raw()
    return PRIVATE + base64.b64encode(key).decode()


def public_key(private: str) -> str:
    """Return what tells a private key's signatures from others."""
    key = _private(private).public_key().public_bytes_raw()
    return PUBLIC + base64.b64encode(key).decode()


def signature(private: str, content: bytes) -> bytes:
    """Return a private key's signature of some bytes."""
    return _private(private).sign(content)


def is_signed(public: str, content: bytes, given: Sequence[bytes]) -> bool:
    """Tell whether one of the signatures of some bytes is by the key of a public one.

    Raises:
        InputError: If the public key is none.
    """
    try:
        key = Ed25519PublicKey.from_public_bytes(key_bytes(public, PUBLIC))
    except ValueError as error:
        raise _no_key() from error
    return any([_is_by(key, content, signature) for signature in given])  # noqa: C419


def _is_by(key: Ed25519PublicKey, content: bytes, given: bytes) -> bool:
    try:
        key.verify(given, content)
    except InvalidSignature:
        return False
    return True


def _private(text: str) -> Ed25519PrivateKey:
    try:
        return Ed25519PrivateKey.from_private_bytes(key_bytes(text, PRIVATE))
    except ValueError as error:
        raise _no_key() from error


def _no_key() -> InputError:
    return InputError("the key of the webhook is none", "give all of it")
