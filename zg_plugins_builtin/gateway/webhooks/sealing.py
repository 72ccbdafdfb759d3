"""Keep what must be read again from whoever reads the database.

A secret that signs cannot be kept as a digest. It is encrypted (AES-256-GCM) with a
key that is not in the database, and bound to what it belongs to: a row that was
copied to another place opens nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from zg_core.plugin_api import ConfigError

from ..errors import UnavailableError

__all__ = ["KEY_BYTES", "Seal", "SealedError"]

KEY_BYTES = 32
_NONCE_BYTES = 12
_FORM = "a1"


class SealedError(UnavailableError):
    """What was sealed cannot be opened here."""


class Seal:
    """Seals texts, and opens what it sealed.

    Args:
        keys: Keys of 32 bytes. The first seals; each opens what it sealed, so that
            a new one can be put before the old.

    Raises:
        ConfigError: If there is no key, or one is of another size.
    """

    def __init__(self, *keys: bytes) -> None:
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise ConfigError(
                f"the key that seals secrets is not {KEY_BYTES} bytes long",
                "restore the file it was in, or let the service make another",
            )
        self._ciphers = {_name(key): AESGCM(key) for key in keys}
        self._first = _name(keys[0])

    def __repr__(self) -> str:
        return f"Seal({len(self._ciphers)} keys)"

    @classmethod
    def at(cls, path: Path) -> Seal:
        """Return the seal whose key is in a file, which is made if there is none.

        Raises:
            ConfigError: If the file can neither be read nor made.
        """
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not path.exists():
                _write_new(path, os.urandom(KEY_BYTES))
            return cls(path.read_bytes())
        except OSError as error:
            raise ConfigError(
                f"the key in {str(path)!r} cannot be had: {error.strerror}",
                "check the file and its folder",
            ) from error

    def close(self, text: str, about: str) -> str:
        """Seal a text.

        Args:
            text: The text.
            about: What it belongs to, which is needed again to open it.
        """
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ciphers[self._first].encrypt(
            nonce, text.encode(), about.encode()
        )
        return f"{_FORM}.{self._first}.{base64.b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, about: str) -> str:
        """Return what was sealed.

        Raises:
            SealedError: If it was sealed with a key that is not here, about
                something else, or was changed.
        """
        form, _, rest = sealed.partition(".")
        name, _, encoded = rest.partition(".")
        try:
            raw = base64.b64decode(encoded, validate=True)
            cipher = self._ciphers[name]
            opened = cipher.decrypt(
                raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], about.encode()
            )
        except (KeyError, InvalidTag, ValueError, binascii.Error) as error:
            raise _cannot_open() from error
        # Of the last letter some bits say nothing: only one way to write it is ours.
        if form != _FORM or base64.b64encode(raw).decode() != encoded:
            raise _cannot_open()
        return opened.decode()


def _name(key: bytes) -> str:
    """Return what a key is called by: it says nothing of the key."""
    return hashlib.sha256(b"zerogravity seal" + key).hexdigest()[:8]


def _write_new(path: Path, key: bytes) -> None:
    """Write a file whole or not at all; leave one that another was faster with."""
    new = path.with_name(f"{path.name}.{os.urandom(8).hex()}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(new, path)
    finally:
        new.unlink(missing_ok=True)


def _cannot_open() -> SealedError:
    return SealedError(
        "a secret in the database cannot be opened with the keys that are here",
        "restore the key it was sealed with, or rotate the secret",
    )
