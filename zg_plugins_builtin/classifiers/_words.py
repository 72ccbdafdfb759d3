"""Split an objective into words, and say of each what it speaks of."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["STOP", "WORDS", "Vocabulary", "Word", "read_vocabulary", "stem", "words_of"]

WORDS = Path(__file__).with_name("words.txt")
"""The file of the word lists."""
STOP = frozenset(".,;:!?()\n")
_MOST = 1500
"""How many characters are read; a longer objective has long said what it wants."""
_PIECE = 100
_TOKEN = re.compile(
    r"[^\W_]{1,40}(?:['\u2019+#&./-][^\W_]{1,40}){0,4}(?:\+\+|\#)?|[.,;:!?()\n]"
)
_MARKS = ("refuses", "turns", "silent", "aside")
_SENTENCE = frozenset(".;!?\n:")
_VOWELS = frozenset("aeiouyh")


@dataclass(frozen=True, slots=True)
class Word:
    """A word of an objective.

    Attributes:
        text: As it is written.
        stem: Without its ending; a misspelt word's is that of the word it looks like.
        before: The stem of the word before it in its sentence; empty for the first.
        groups: The groups of the vocabulary it belongs to, with the word before it
            or alone.
        refused: Whether it is something that is not wanted.
        aside: Whether something stands before it that leads away from what is wanted,
            to what that is about, or for, or by.
    """

    text: str
    stem: str
    before: str
    groups: tuple[str, ...]
    refused: bool
    aside: bool


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What words speak of.

    Attributes:
        groups: The groups of each stem, or of two with a space between.
        outlines: The stem that a misspelt word is meant to be, by its outline.
        marks: Words that say how others are meant, and that tell nothing:
            ``refuses``, ``turns``, ``aside``; and ``silent`` ones.
    """

    groups: Mapping[str, tuple[str, ...]]
    outlines: Mapping[str, str]
    marks: Mapping[str, frozenset[str]]

    def meant(self, word: str) -> str:
        """Return the stem of a word, or of the known word that it looks like.

        >>> read_vocabulary().meant("desing")
        'design'
        """
        stemmed = stem(word)
        if stemmed in self.groups:
            return stemmed
        return self.outlines.get(_outline(word)) or self.outlines.get(
            _outline(stemmed), stemmed
        )


def read_vocabulary(text: str | None = None) -> Vocabulary:
    """Read word lists.

    Args:
        text: A group, a colon, its words, on each line; `None` is the lists that
            come with this package.
    """
    if text is None:
        text = WORDS.read_text(encoding="utf-8")
    groups: dict[str, tuple[str, ...]] = {}
    marks: dict[str, frozenset[str]] = {}
    like: dict[str, str] = {}
    for group, words in _lists(text):
        if group in _MARKS:
            marks[group] = frozenset(words)
            continue
        for word in words:
            key = " ".join(map(stem, word.split("_")))
            held = groups.get(key, ())
            groups[key] = held if group in held else (*held, group)
            for written in {word, key}:
                outline = _outline(written)
                if like.setdefault(outline, key) != key:
                    like[outline] = ""  # two look like it: nobody can tell which
    outlines = {outline: key for outline, key in like.items() if outline and key}
    return Vocabulary(groups, outlines, marks)


def _lists(text: str) -> Iterator[tuple[str, list[str]]]:
    for line in text.splitlines():
        group, colon, words = line.partition(":")
        if colon and not line.startswith("#"):
            yield group, words.split()


def words_of(text: str, vocabulary: Vocabulary) -> Iterator[Word | str]:
    """Yield the words and the stops of the beginning of a text."""
    marks, refused, aside, before = vocabulary.marks, False, False, ""
    for token in _TOKEN.findall(_normal(text)):
        if token in STOP:
            refused = False
            if token in _SENTENCE:
                aside, before = False, ""
            yield token
            continue
        word = token.casefold().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
        refused = word in marks["refuses"] or (refused and word not in marks["turns"])
        aside = aside or word in marks["aside"]
        stemmed = vocabulary.meant(word)
        groups = vocabulary.groups.get(stemmed, ())
        if before:
            groups += vocabulary.groups.get(f"{before} {stemmed}", ())
        yield Word(token, stemmed, before, groups, refused, aside)
        before = stemmed


def _normal(text: str) -> str:
    """Return a text's beginning in one form of its letters.

    Piece by piece, since a long run of accents takes the square of its length.
    """
    if text.isascii():
        return text[:_MOST]
    pieces, length = [], 0
    for start in range(0, min(len(text), _MOST), _PIECE):
        piece = unicodedata.normalize("NFKC", text[start : start + _PIECE])
        pieces.append(piece)
        length += len(piece)
        if length >= _MOST:
            break
    return "".join(pieces)[:_MOST]


def stem(word: str) -> str:
    """Return a lower-case word without its ending, well enough to know it again.

    >>> [stem(word) for word in ("stories", "planning", "visualize")]
    ['story', 'plan', 'visualis']
    """
    word = word.removesuffix("'s")
    if len(word) > 4 and word.endswith("ies"):
        word = word[:-3] + "y"
    elif len(word) > 3 and word.endswith("es") and word[-3] in "sxzh":
        word = word[:-2]
    elif len(word) > 3 and word.endswith("s") and word[-2] not in "sui":
        word = word[:-1]
    for ending in ("ing", "ed"):
        if len(word) - len(ending) >= 3 and word.endswith(ending):
            word = word.removesuffix(ending)
            if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "ls":
                word = word[:-1]
            break
    word = word.replace("yz", "ys").replace("iz", "is").replace("our", "or")
    return word[:-1] if len(word) > 3 and word.endswith("e") else word


def _outline(word: str) -> str:
    """Return what a word keeps when letters are swapped, doubled, or vowels wrong.

    Empty if too little would be left to tell words apart.
    """
    if len(word) < 5 or not word.isalpha():
        return ""
    kept = sorted(set(word) - _VOWELS)
    return f"{word[0]}{''.join(kept)}{len(word) // 4}" if len(kept) > 2 else ""
