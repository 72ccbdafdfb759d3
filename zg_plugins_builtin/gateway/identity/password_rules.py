"""Which passwords are good enough: long ones that nobody would guess first.

After NIST 800-63B-4: at least 15 characters where nothing else is asked for, and 8
beside a second factor; any characters, in any mixture, with no date on which they go
bad.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import cache
from importlib import resources

from ..errors import Fault, InvalidRequestError

__all__ = ["LONGEST", "SHORTEST", "SHORTEST_OF_TWO", "check", "normalised"]

SHORTEST = 15
SHORTEST_OF_TWO = 8
LONGEST = 128
"""Characters that a password may have: at least, beside a second factor, at most."""

_FILE = "common_passwords.txt"
_OURS = frozenset({"zerogravity", "gravity"})
_SHORTEST_WORD = 3
_RUN = 3
_SPOKEN = str.maketrans("@4831!0$57+", "aabeiiosstt")
"""How people write letters by other signs."""


def normalised(password: str) -> str | None:
    """Return a password in the one form that is hashed; `None` if it has none.

    A keyboard may write the same character in several ways.
    """
    if len(password) > LONGEST:
        return None
    try:
        password.encode()
    except UnicodeEncodeError:
        return None  # half a character
    return unicodedata.normalize("NFKC", password)


def check(
    password: str, about: Iterable[str] = (), *, shortest: int = SHORTEST
) -> None:
    """Refuse a password that is too short, too long, or easily guessed.

    Args:
        password: The new password.
        about: What is known of its owner: the address, the name.
        shortest: How many characters it has at least.

    Raises:
        InvalidRequestError: If it is refused; the error does not repeat it.
    """
    if len(password) < shortest:
        raise _refused("too_short", f"it has fewer than {shortest} characters")
    if len(password) > LONGEST:
        raise _refused("too_long", f"it has more than {LONGEST} characters")
    form = normalised(password)
    if form is None:
        raise _refused("charset", "it has half a character in it")
    text = form.casefold()
    known = _common() | _OURS | _names(about)
    if _repeats(text) or _known(text, known) or _known(text.translate(_SPOKEN), known):
        raise _refused("guessable", "it is made of what is guessed first")


def _refused(code: str, detail: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"the password cannot be taken: {detail}",
        "use several words that nobody else would put together",
        Fault("/password", code, detail),
    )


@cache
def _common() -> frozenset[str]:
    text = (resources.files(__package__) / _FILE).read_text(encoding="utf-8")
    return frozenset(text.split())


def _names(about: Iterable[str]) -> frozenset[str]:
    """Return the words in what is known of somebody."""
    text = unicodedata.normalize("NFKC", " ".join(about)).casefold()
    spaced = "".join(c if c.isalnum() else " " for c in text)
    return frozenset(w for w in spaced.split() if len(w) >= _SHORTEST_WORD)


def _repeats(text: str) -> bool:
    """Tell whether a text is the same few characters again and again."""
    return len(set(text)) < 5 or (text + text).find(text, 1) <= len(text) // 3


def _known(text: str, known: frozenset[str]) -> bool:
    """Tell whether a text is nothing but known words, runs, digits and signs."""
    # Each place that can be reached: whether by a word, or by digits and signs alone.
    reached: dict[int, bool] = {0: False}
    longest = max(map(len, known))
    for start in range(len(text)):
        if start not in reached:
            continue
        ends = [start + _run(text, start)]
        ends += (
            end
            for end in range(start + _SHORTEST_WORD, start + longest + 1)
            if text[start:end] in known
        )
        for end in ends:
            if end > start:
                reached[end] = True
        if not text[start].isalpha():
            reached[start + 1] = reached.get(start + 1, False) or reached[start]
    return reached.get(len(text), False)


def _run(text: str, start: int) -> int:
    """Return how many characters from there are like ``aaa``, ``abc`` or ``321``."""
    for step in (0, 1, -1):
        end = start + 1
        while end < len(text) and ord(text[end]) - ord(text[end - 1]) == step:
            end += 1
        if end - start >= _RUN:
            return end - start
    return 0
