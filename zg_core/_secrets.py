"""Keep secrets out of whatever leaves the process."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

__all__ = ["REDACTED", "Secrets", "looks_secret", "password_in", "without_password"]

REDACTED = "[secret]"
_SHORTEST = 8

T = TypeVar("T")
_SECRET_VARIABLE = re.compile(r"(?:^|_)(?:KEY|TOKEN|SECRET|PASSWORD)$")
_ORDINARY = re.compile(r"[A-Za-z]+|[/~.].*", re.DOTALL)
"""A plain word or a path: it would be found, and replaced, where it is no secret."""
_PASSWORDS = (
    re.compile(r"\A(\w+://[^/\s:@]*:)([^/\s@]+)(?=@)"),
    re.compile(r"\A(\w+://\S*?[?&]password=)([^&#\s]+)"),
)
_SECRET_NAME = re.compile(r"key|token|secret|password", re.IGNORECASE)
_HEADER = re.compile(r"(?m)(?:^|,)\s*([\w-]+)\s*[:=]\s*(?:[A-Za-z]+[ ]+)?([^\s,]+)")
"""A header as variables such as OPENAI_CUSTOM_HEADERS hold it, a line each, or with
commas between; and of its value what follows a word such as Bearer."""
_CREDENTIALS = re.compile(r"authorization|cookie", re.IGNORECASE)


def looks_secret(name: str) -> bool:
    """Tell whether what is stored under *name* is probably a secret."""
    return _SECRET_NAME.search(name) is not None


def password_in(text: str) -> str | None:
    """Return the password of an address, if the text is one that has one."""
    found = next(filter(None, (form.match(text) for form in _PASSWORDS)), None)
    return found[2] if found else None


def without_password(text: str) -> str:
    """Return a text without its password, if it is an address that has one."""
    for form in _PASSWORDS:
        text = form.sub(rf"\1{REDACTED}", text)
    return text


def _credentials_in(headers: str) -> Iterator[str]:
    """Yield the values of the headers that are named like a secret."""
    for name, value in _HEADER.findall(headers):
        named = looks_secret(name) or _CREDENTIALS.search(name)
        if named and not _ORDINARY.fullmatch(value):
            yield value


class Secrets:
    """The secrets a process has seen, and texts without them."""

    def __init__(self) -> None:
        self._values: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    @classmethod
    def of_process(cls) -> Secrets:
        """Begin with what the environment holds under the name of a secret."""
        secrets = cls()
        for name, value in os.environ.items():
            if _SECRET_VARIABLE.search(name) and not _ORDINARY.fullmatch(value):
                secrets.add(value)
            elif password := password_in(value):
                secrets.add(password)
            elif name.endswith("_HEADERS"):
                for credential in _credentials_in(value):
                    secrets.add(credential)
        return secrets

    def __repr__(self) -> str:
        return f"Secrets({len(self._values)} values)"

    def add(self, value: str) -> None:
        """Keep *value* out from now on.

        One of fewer than 8 characters is let be: it would be found in ordinary words.
        """
        value = value.strip()
        if len(value) >= _SHORTEST and value not in self._values:
            self._values.add(value)
            # The longest first, or one that begins with another would show its end.
            longest = sorted(self._values, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, longest)))

    def redact(self, text: str) -> str:
        """Return *text* with each secret replaced by ``[secret]``."""
        return self._pattern.sub(REDACTED, text) if self._pattern else text

    def redact_record(self, record: T) -> T:
        """Return a record or JSON value with the secrets in all its texts replaced."""
        return record if self._pattern is None else self._redacted(record)

    def _redacted(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.redact(value)
        if isinstance(value, dict):
            return {self._redacted(k): self._redacted(v) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(map(self._redacted, value))
        if is_dataclass(value) and not isinstance(value, type):
            changed = {
                f.name: new
                for f in fields(value)
                if (new := self._redacted(old := getattr(value, f.name))) != old
            }
            return replace(value, **changed) if changed else value
        return value
