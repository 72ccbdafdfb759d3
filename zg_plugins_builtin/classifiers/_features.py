"""What there is in an objective to go by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ._words import Vocabulary, Word, words_of

__all__ = ["Feature", "features_of"]

_WORDS, _PAIRS, _GROUPS = 3.0, 2.0, 0.5
"""What a text's words weigh together, its pairs likewise, and each group by itself."""


@dataclass(frozen=True, slots=True)
class Feature:
    """Something that is true of a text.

    Attributes:
        name: What it is.
        value: How much it counts.
        words: The words that make it true; none if it is the text as a whole.
    """

    name: str
    value: float
    words: tuple[str, ...] = ()


def features_of(text: str, vocabulary: Vocabulary) -> list[Feature]:
    """Return the features of a text; none if it has no words."""
    tokens = list(words_of(text, vocabulary))
    words = [token for token in tokens if isinstance(token, Word)]
    if not words:
        return []
    return [
        *_family(_WORDS, ((_name_of(word), word.text) for word in words)),
        *_family(_PAIRS, ((f"{w.before or '^'} {w.stem}", w.text) for w in words)),
        *_groups(words),
        *(Feature(name, _GROUPS) for name in _shape(tokens, words)),
    ]


def _name_of(word: Word) -> str:
    return f"no:{word.stem}" if word.refused else f"w:{word.stem}"


def _family(weight: float, named: Iterable[tuple[str, str]]) -> Iterator[Feature]:
    """Yield each name once, weighing less the more names there are."""
    made: dict[str, str] = {}
    for name, text in named:
        made.setdefault(name, text)
    value = weight / max(len(made), 1) ** 0.5
    for name, text in made.items():
        yield Feature(name, value, (text,))


def _groups(words: list[Word]) -> Iterator[Feature]:
    """Yield how often each group is spoken of: at all, and where."""
    spoken: dict[str, list[str]] = {}
    for word in words:
        for group in word.groups:
            where = "no" if word.refused else "aside" if word.aside else "head"
            spoken.setdefault(f"{where} {group}", []).append(word.text)
            if not word.refused:
                spoken.setdefault(f"any {group}", []).append(word.text)
    for name, texts in spoken.items():
        found = tuple(dict.fromkeys(texts))
        yield Feature(name, _GROUPS, found)
        if len(texts) > 1:
            yield Feature(f"{name} 2", _GROUPS, found)
        if len(texts) > 3:
            yield Feature(f"{name} 4", _GROUPS, found)


def _shape(tokens: list[Word | str], words: list[Word]) -> Iterator[str]:
    """Yield what the text is as a whole."""
    wanted = [(g, w.aside) for w in words if not w.refused for g in w.groups]
    things = [(group, aside) for group, aside in wanted if group.endswith(" thing")]
    verbs = [group for group, _ in wanted if group.endswith(" verb")]
    yield "things " + _set(group for group, _ in things)
    yield "head things " + _set(group for group, aside in things if not aside)
    yield "verbs " + _set(verbs)
    yield f"kinds {len({g.split()[0] for g, _ in wanted if not g.endswith('field')})}"
    if verbs:
        yield f"first {verbs[0]}"
    if things:
        yield f"first {things[0][0]}"
        yield f"last {things[-1][0]}"
    counts = Counter(group.split()[0] for group, _ in wanted)
    if counts:
        category, count = counts.most_common(1)[0]
        yield f"most {category}"
        yield f"share {5 * count // counts.total()}"
    yield "clauses " + _set(_clauses(tokens))
    yield "refused " + _set(g for w in words if w.refused for g in w.groups)
    yield f"first word {words[0].stem}"
    yield f"length {sum(len(words) > most for most in (3, 6, 12, 40))}"
    yield from (f"stop {stop}" for stop in ("?", ",") if stop in tokens)


def _clauses(tokens: Iterable[Word | str]) -> Iterator[str]:
    """Yield the first group that each clause speaks of, fields apart."""
    begins = True
    for token in tokens:
        if not isinstance(token, Word) or token.stem in ("and", "then", "or"):
            begins = True
        elif begins and not token.refused:
            for group in token.groups:
                if not group.endswith(" field"):
                    begins = False
                    yield group
                    break


def _set(groups: Iterable[str]) -> str:
    return " ".join(sorted({group.split()[0] for group in groups}))
