"""Find the code in a Markdown text, which a renderer shows and does not obey."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from itertools import accumulate

from markdown_it import MarkdownIt

__all__ = ["MarkdownCode"]

_TICKS = re.compile(r"`+")
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")


class MarkdownCode:
    """Where the code of one text is.

    Blocks are found by a parser of CommonMark. Code within a line is found by its
    rule for backticks, since the parser does not say where it was.

    Args:
        text: The text.
        markdown: Whether it is Markdown; otherwise there is no code in it.
    """

    def __init__(self, text: str, *, markdown: bool) -> None:
        self._text = text
        self._blocks: list[tuple[int, int]] = []
        self._prose: list[tuple[int, int]] = []
        self._ticks: defaultdict[int, list[int]] = defaultdict(list)
        if not markdown:
            return
        starts = [0, *accumulate(len(line) for line in _LINE.findall(text))]
        for token in MarkdownIt("commonmark").enable("table").parse(text):
            if token.map is None:
                continue
            begin, end = (starts[min(n, len(starts) - 1)] for n in token.map)
            if token.type in ("fence", "code_block"):
                self._blocks.append((begin, end))
            elif token.type == "inline":
                self._prose.append((begin, end))
        for run in _TICKS.finditer(text):
            self._ticks[len(run[0])].append(run.start())

    def block_from(self, place: int) -> tuple[int, int]:
        """Return where the next block of code begins and ends; else the text's end."""
        index = bisect_left(self._blocks, (place, 0))
        last = len(self._text)
        return self._blocks[index] if index < len(self._blocks) else (last, last)

    def span_from(self, begin: int, end: int) -> int | None:
        """Return where the code ends that a run of backticks begins, if it does.

        A bar may end a cell of a table, and with it what looked like code.
        """
        index = bisect_right(self._prose, (begin, len(self._text))) - 1
        if index < 0:
            return None
        prose_end = self._prose[index][1]
        runs = self._ticks[end - begin]
        closing = bisect_left(runs, end)
        if closing == len(runs) or runs[closing] >= prose_end:
            return None
        after = runs[closing] + end - begin
        return None if "|" in self._text[begin:after] else after
