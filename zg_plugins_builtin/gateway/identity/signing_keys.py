"""The keys that access tokens are signed with, in a file of their own.

Two keys are published at any time: the one that signs, and the one that will sign
next, so that whoever keeps a copy of the list knows a key before its first token. The
one that signed before stays a while longer, for the tokens that still live.
"""

from __future__ import annotations

import json
import os
import secrets
import stat
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from zg_core.plugin_api import ConfigError

from ..clock import Clock

__all__ = ["ALGORITHM", "SigningKey", "SigningKeys"]

ALGORITHM: Final = "Ed25519"
ROTATE_AFTER = timedelta(days=90)
KEEP_FOR = timedelta(hours=1)
"""How long a key is published after its last token; longer than a token lives."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class SigningKey:
    """One key.

    Args:
        key: The key, with its private half.
        kid: Its id: its thumbprint (RFC 7638).
        header: The beginning of each token that it signs, as it is written there.
        since: Since when it signs; `None` if it does not yet.
        until: Until when it is published; `None` if nobody knows yet.
    """

    key: OKPKey
    kid: str
    header: str
    since: datetime | None = None
    until: datetime | None = None

    def __repr__(self) -> str:
        return f"SigningKey({self.kid!r})"


class SigningKeys:
    """The keys of a file; it is made, for its user's eyes only, if there is none.

    Several processes may share the file: one that finds it changed reads it again.

    Args:
        path: The file.
        clock: The time.

    Raises:
        ConfigError: If the file cannot be used, or others may read it.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._keys: dict[str, SigningKey] = {}
        self._stamp: tuple[int, int] | None = None
        if not path.exists():
            now = clock.now()
            with suppress(FileExistsError):  # somebody else began at the same moment
                self._write([_new(since=now), _new()], first=True)
        self._read()

    def __repr__(self) -> str:
        return f"SigningKeys({str(self._path)!r}, {len(self._keys)} keys)"

    @property
    def signing(self) -> SigningKey:
        """The key that signs."""
        return next(k for k in self._keys.values() if k.since and not k.until)

    def find(self, header: str) -> SigningKey | None:
        """Return the key whose tokens begin so, if it is one of ours and still good.

        Nothing that a stranger wrote is ever interpreted.
        """
        if header not in self._keys and self._changed():
            self._read()
        found = self._keys.get(header)
        if found is None or (found.until and found.until <= self._clock.now()):
            return None
        return found

    def document(self) -> dict[str, Any]:
        """Return the public halves as a JWK set (RFC 7517)."""
        if self._changed():
            self._read()
        now = self._clock.now()
        return {
            "keys": [
                {
                    **k.key.as_dict(private=False),
                    "kid": k.kid,
                    "alg": ALGORITHM,
                    "use": "sig",
                }
                for k in self._keys.values()
                if k.until is None or k.until > now
            ]
        }

    def rotate_if_due(self) -> bool:
        """Have the next key sign if this one did for 90 days; tell whether it was so.

        Raises:
            ConfigError: If the file cannot be used.
        """
        self._read()
        since = self.signing.since
        if since is None or self._clock.now() - since < ROTATE_AFTER:
            return False
        self.rotate()
        return True

    def rotate(self, *, compromised: bool = False) -> None:
        """Have the next key sign from now on.

        Args:
            compromised: Whether somebody else may have the keys: then all of them are
                forgotten, and every access token is void.

        Raises:
            ConfigError: If the file cannot be used.
        """
        self._read()
        now = self._clock.now()
        if compromised:
            self._write([_new(since=now), _new()])
        else:
            last, kept = self.signing, []
            for k in self._keys.values():
                if k is last:
                    kept.append(_dated(k, k.since, now + KEEP_FOR))
                elif k.since is None:
                    kept.append(_dated(k, now, None))
                elif k.until and k.until > now:
                    kept.append(k)
            self._write([*kept, _new()])
        self._read()

    # -- The file ----------------------------------------------------------------------

    def _changed(self) -> bool:
        try:
            found = self._path.stat()
        except OSError:
            return False  # what we have is as good as it was
        return (found.st_mtime_ns, found.st_ino) != self._stamp

    def _read(self) -> None:
        try:
            found = self._path.stat()
            document = json.loads(self._path.read_bytes())
            keys = [_key(entry) for entry in document["keys"]]
        except OSError as error:
            raise self._fault(f"cannot be read: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, JoseError) as error:
            raise self._fault("holds no keys that can be used") from error
        if os.name == "posix" and stat.S_IMODE(found.st_mode) & 0o077:
            raise self._fault("can be read by others", f"chmod 600 {self._path}")
        if sum(1 for k in keys if k.since and not k.until) != 1:
            raise self._fault("does not say which key signs")
        self._keys = {k.header: k for k in keys}
        self._stamp = found.st_mtime_ns, found.st_ino

    def _write(self, keys: list[SigningKey], *, first: bool = False) -> None:
        """Put keys into the file at one stroke; the first only if there is none."""
        beside = self._path.with_name(f"{self._path.name}.{secrets.token_hex(4)}")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as file:
                json.dump({"keys": [_entry(k) for k in keys]}, file)
                file.flush()
                os.fsync(file.fileno())
            if first:
                os.link(beside, self._path)
            else:
                beside.replace(self._path)
        except FileExistsError:
            raise
        except OSError as error:
            raise self._fault(f"cannot be written: {error.strerror}") from error
        finally:
            beside.unlink(missing_ok=True)

    def _fault(self, cause: str, remedy: str = "") -> ConfigError:
        return ConfigError(
            f"the signing keys {str(self._path)!r}: the file {cause}",
            remedy or "restore it, or move it away: new keys are made, and all log in",
            path=str(self._path),
        )


def _new(since: datetime | None = None) -> SigningKey:
    return _signing_key(OKPKey.generate_key(ALGORITHM, private=True), since, None)


def _dated(
    key: SigningKey, since: datetime | None, until: datetime | None
) -> SigningKey:
    return SigningKey(key.key, key.kid, key.header, since, until)


def _signing_key(
    key: OKPKey, since: datetime | None, until: datetime | None
) -> SigningKey:
    if key.curve_name != ALGORITHM or not key.is_private:
        raise ValueError("no private key of Ed25519")
    kid = key.thumbprint()
    header = {"alg": ALGORITHM, "typ": "at+jwt", "kid": kid}
    token = jwt.encode(header, {}, key, [ALGORITHM], default_type=None)
    return SigningKey(key, kid, token.partition(".")[0], since, until)


def _key(entry: dict[str, Any]) -> SigningKey:
    return _signing_key(
        OKPKey.import_key(entry["jwk"]),
        _moment(entry["since"]),
        _moment(entry["until"]),
    )


def _entry(key: SigningKey) -> dict[str, Any]:
    return {
        "jwk": key.key.as_dict(private=True),
        "since": key.since and key.since.isoformat(),
        "until": key.until and key.until.isoformat(),
    }


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None
