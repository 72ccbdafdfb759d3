"""On which line of a TOML or JSON text each value stands, which parsers do not tell."""

from __future__ import annotations

import json
import re
import tomllib
from bisect import bisect_left
from typing import TypeAlias

__all__ = ["Place", "TextLines"]

Place: TypeAlias = tuple[str | int, ...]
"""Where a value is within the whole: ``("steps", 0, "agent")``."""

_MOST_PARTS = 64
"""Of a dotted key. The standard library's parser takes minutes for thousands."""
_DEEPEST = 100

_BLANK = re.compile(r"[ \t]*")
_BETWEEN = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_REST = re.compile(r"[^\n]*")
_TEXT = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})|' + r"'''.*?'''(?:'{0,2})|"
    r'"(?:\\.|[^"\\\n])*"|' + r"'[^'\n]*'",
    re.DOTALL,
)
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SIMPLE = re.compile(r"[^,\[\]{}\"'#\r\n]+")


class TextLines:
    """The lines of a text's values.

    Args:
        text: The text. Of one that is not well formed, what comes first is found.
        is_json: Whether it is JSON (RFC 8259) and not TOML (https://toml.io, 1.0).

    Attributes:
        repeated: A key that JSON has twice in one object, where one is.
        too_long: The line of a key of more parts than a key may have, where one is.
        too_deep: The line of a value that is deeper within others than it may be.
    """

    def __init__(self, text: str, *, is_json: bool) -> None:
        self.repeated: Place | None = None
        self.too_long: int | None = None
        self.too_deep: int | None = None
        self._text = text
        self._is_json = is_json
        self._at = 0
        self._ends = [found.start() for found in re.finditer("\n", text)]
        self._lines: dict[Place, int] = {}
        self._latest: dict[Place, int] = {}
        try:
            if is_json:
                self._skip(_BETWEEN)
                self._value(())
            else:
                self._document()
        except _MalformedError:
            pass  # a parser says in what

    def line(self, place: Place) -> int | None:
        """Return the line, from 1, on which a value begins, or else what holds it."""
        while place and place not in self._lines:
            place = place[:-1]
        return self._lines.get(place)

    def _document(self) -> None:
        table: Place = ()
        self._skip(_BETWEEN)
        while self._at < len(self._text):
            begin = self._at
            if self._take("[["):
                table = self._next_of_array(self._key())
                self._note(table, begin)
            elif self._take("["):
                table = self._within(self._key())
                self._note(table, begin)
            else:
                place = (*table, *self._key())
                self._note(place, begin)
                self._must_take("=")
                self._skip(_BLANK)
                self._value(place)
            self._skip(_REST)
            self._skip(_BETWEEN)

    def _within(self, key: Place) -> Place:
        """Return the place of a key in a header; a list's is that of its last."""
        place: Place = ()
        for part in key:
            place = (*place, part)
            if place in self._latest:
                place = (*place, self._latest[place])
        return place

    def _next_of_array(self, key: Place) -> Place:
        place = (*self._within(key[:-1]), key[-1])
        self._latest[place] = self._latest.get(place, -1) + 1
        return (*place, self._latest[place])

    def _key(self) -> Place:
        """Read a dotted key of TOML."""
        parts: list[str] = []
        begin = self._at
        while not parts or self._take("."):
            if len(parts) == _MOST_PARTS:
                self.too_long = self._number(begin)
                raise _MalformedError
            self._skip(_BLANK)
            parts.append(self._name())
            self._skip(_BLANK)
        return tuple(parts)

    def _name(self) -> str:
        if found := _BARE.match(self._text, self._at):
            self._at = found.end()
            return found[0]
        token = self._token(_TEXT)
        if "\\" not in token:
            return token[1:-1]
        try:
            value = (
                json.loads(token)
                if self._is_json
                else tomllib.loads(f"key = {token}")["key"]
            )
        except ValueError as error:
            raise _MalformedError from error
        return str(value)

    def _value(self, place: Place) -> None:
        if len(place) > _DEEPEST:
            self.too_deep = self._number(self._at)
            raise _MalformedError
        if self._take("["):
            self._items(place)
        elif self._take("{"):
            self._members(place)
        elif self._text[self._at : self._at + 1] in ('"', "'"):
            self._token(_TEXT)
        else:
            self._token(_SIMPLE)

    def _items(self, place: Place) -> None:
        index = 0
        self._skip(_BETWEEN)
        while not self._take("]"):
            self._note((*place, index), self._at)
            self._value((*place, index))
            index += 1
            self._go_on("]")

    def _members(self, place: Place) -> None:
        names: set[Place] = set()
        self._skip(_BETWEEN)
        while not self._take("}"):
            begin = self._at
            key = (self._name(),) if self._is_json else self._key()
            inner = (*place, *key)
            if self._is_json and inner in names:
                self.repeated = inner
                self._lines[inner] = self._number(begin)
                raise _MalformedError
            names.add(inner)
            self._note(inner, begin)
            self._skip(_BETWEEN)
            self._must_take(":" if self._is_json else "=")
            self._skip(_BETWEEN)
            self._value(inner)
            self._go_on("}")

    def _go_on(self, end: str) -> None:
        """Take the comma after a part, unless it was the last one."""
        self._skip(_BETWEEN)
        if not self._take(","):
            if not self._text.startswith(end, self._at):
                raise _MalformedError
            return
        self._skip(_BETWEEN)

    def _note(self, place: Place, begin: int) -> None:
        number = self._number(begin)
        for length in range(1, len(place) + 1):
            self._lines.setdefault(place[:length], number)

    def _number(self, begin: int) -> int:
        return bisect_left(self._ends, begin) + 1

    def _skip(self, pattern: re.Pattern[str]) -> None:
        if found := pattern.match(self._text, self._at):
            self._at = found.end()

    def _take(self, sign: str) -> bool:
        if taken := self._text.startswith(sign, self._at):
            self._at += len(sign)
        return taken

    def _must_take(self, sign: str) -> None:
        if not self._take(sign):
            raise _MalformedError

    def _token(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            raise _MalformedError
        self._at = found.end()
        return found[0]


class _MalformedError(Exception):
    """The text is not what it should be."""
