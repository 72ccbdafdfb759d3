"""Take script out of a text, and leave everything else as it is, byte for byte.

A sanitizer of HTML cannot be given the whole of a text: it would escape ``a < b``,
drop ``List<String>`` and rewrite Markdown. So this finds what a browser would take for
a tag, lets through what can do nothing, gives what has attributes to the sanitizer, and
escapes what is no tag but would be read as one. What comes out is gone through again
until nothing changes, since taking something out may bring other things together.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from html import unescape

import nh3

from ._markdown_code import MarkdownCode

__all__ = ["clean"]

_PASSES = 10
_ACTIVE_NAMES = """
    animate applet audio base bgsound body button canvas dialog embed fieldset
    fencedframe form frame frameset head html iframe image input isindex keygen
    layer legend link listing marquee math meta noembed noframes noscript object
    optgroup option param plaintext portal script select slot source style svg
    template textarea title track video xmp
"""
_ACTIVE = frozenset(_ACTIVE_NAMES.split())
"""Elements that load, run or swallow something: none of those that nh3 allows."""

_SCHEMES = ("javascript:", "vbscript:", "data:text/html")
_SUSPECT = re.compile(r"<[a-zA-Z/!?]|\]\(|\]:")
_PLACE = re.compile(r"\\[\\`\[\]]|`+|<|(?:\]\(|\]:)[\s>]*<?")
_VALUE = r"(?:\"[^\"<>]*\"|'[^'<>]*'|[^\s\"'=<>`]+)"
_TAG = re.compile(
    r"<(?P<close>/?)(?P<name>[a-zA-Z][^\s/<>\"'=`]*)"
    rf"(?P<rest>(?:\s+[a-zA-Z_:@][\w.:@-]*(?:\s*=\s*{_VALUE})?)*)\s*/?>"
)
_ATTRIBUTE = re.compile(rf"([^\s=]+)(?:\s*=\s*({_VALUE}))?")
_MADE = re.compile(r"<[a-z][a-z0-9]*((?:\s[^\s=\"]+=\"[^\"]*\")*)>")
_NAME = re.compile(r"<(/?)([a-zA-Z][^\s/<>]*)")
_CLOSING = re.compile(r"</(?:script|style)(?:[\s/>]|\Z)", re.IGNORECASE)
_COMMENT_END = re.compile(r"--!?>")
_HANDLER = re.compile(r"\bon\w*\s*=", re.IGNORECASE)
_QUOTED = re.compile(r"=\s*[\"'`]")
_UNIT = re.compile(r"&#?\w{1,31};?|\\[!-/:-@\[-`{-~]|.", re.DOTALL)

_nh3 = nh3.Cleaner(link_rel=None)


def clean(text: str, *, keep_code: bool) -> str:
    """Return a text without script.

    Args:
        text: Markdown, HTML, or neither.
        keep_code: Whether code in Markdown is left as it is.

    Raises:
        ValueError: If there is something left however often it is cleaned.
    """
    for _ in range(_PASSES):
        if not _SUSPECT.search(text):
            return text
        cleaned = "".join(_Pass(text, keep_code=keep_code).pieces())
        if cleaned == text:
            return text
        text = cleaned
    raise ValueError("it holds script that cannot be taken out")


class _Places:
    """Where something is in a text."""

    def __init__(self, pattern: re.Pattern[str], text: str) -> None:
        self._places = [
            (found.start(), found.end()) for found in pattern.finditer(text)
        ]

    def first(self, begin: int) -> tuple[int, int] | None:
        """Return the first place from *begin* on, with its end."""
        index = bisect_left(self._places, (begin, 0))
        return self._places[index] if index < len(self._places) else None

    def within(self, begin: int, end: int) -> bool:
        """Whether there is one that begins between two places."""
        found = self.first(begin)
        return found is not None and found[0] < end


class _Pass:
    """One walk through a text.

    Whatever a walk looks ahead for it finds in a list made before, so that it takes
    time in proportion to the text, whoever wrote that.
    """

    def __init__(self, text: str, *, keep_code: bool) -> None:
        self._text = text
        self._code = MarkdownCode(text, markdown=keep_code)
        self._ends = _Places(re.compile(">"), text)
        self._equals = _Places(re.compile("="), text)
        self._handlers = _Places(_HANDLER, text)
        self._quoted = _Places(_QUOTED, text)
        self._closings = _Places(_CLOSING, text)
        self._comment_ends = _Places(_COMMENT_END, text)

    def pieces(self) -> Iterator[str]:
        """Yield what is left of the text, in order."""
        text, place = self._text, 0
        while place < len(text):
            block, after = self._code.block_from(place)
            found = _PLACE.search(text, place, block)
            if found is None:
                yield text[place:after]
                place = after
                continue
            yield text[place : found.start()]
            piece, place = self._piece(found)
            yield piece

    def _piece(self, found: re.Match[str]) -> tuple[str, int]:
        """Return what to put for something found, and where to go on."""
        first = found[0][0]
        if first == "<":
            return self._angle(found.start())
        if first == "]":
            return self._link(found)
        end = found.end()
        if first == "`":
            end = self._code.span_from(found.start(), end) or end
        return self._text[found.start() : end], end

    # -- Links in Markdown -----------------------------------------------------------

    def _link(self, found: re.Match[str]) -> tuple[str, int]:
        end = self._scheme_end(found.end())
        if end is not None:
            return f"{found[0]}#", end
        begin = found[0].removesuffix("<")  # which may begin a tag
        return begin, found.start() + len(begin)

    def _scheme_end(self, place: int) -> int | None:
        """Return where a scheme ends that runs script, if one begins here.

        It may be written with entities and escapes, and browsers leave out blanks.
        """
        said = ""
        for unit in _UNIT.finditer(self._text, place):
            letters = unescape(unit[0]) if unit[0][0] == "&" else unit[0][-1]
            said += "".join(letter for letter in letters if letter > " ").lower()
            if said.startswith(_SCHEMES):
                return unit.end()
            if not any(scheme.startswith(said) for scheme in _SCHEMES):
                break
        return None

    # -- Tags ------------------------------------------------------------------------

    def _angle(self, place: int) -> tuple[str, int]:
        text, escaped = self._text, ("&lt;", place + 1)
        if text[place + 1 : place + 2].isalpha():
            link = self._scheme_end(place + 1)
            if link is not None:
                return "<#", link
        if text.startswith("<!--", place):
            comment = self._comment_ends.first(place + 4)
            empty = text.startswith((">", "->"), place + 4)
            return ("", comment[1]) if comment and not empty else escaped
        tag = _TAG.match(text, place)
        if tag and tag.end() <= self._code.block_from(place)[0]:
            return self._tag(tag)
        name = _NAME.match(text, place)
        kept = name is None or self._harmless(name)
        return ("<", place + 1) if kept else escaped

    def _harmless(self, name: re.Match[str]) -> bool:
        """Whether what is written like the begin of a tag can do nothing as one."""
        begin, element = name.start(), name[2].lower()
        following = self._ends.first(begin)
        end = following[0] if following else len(self._text)
        if name[1]:  # the end of an element, whose attributes nobody reads
            return True
        if element in _ACTIVE:
            return False
        if element in nh3.ALLOWED_TAGS:
            return not self._equals.within(begin, end)
        if following and self._quoted.within(begin, end):
            return False  # where it ends is not certain
        return not self._handlers.within(begin, end)

    def _tag(self, tag: re.Match[str]) -> tuple[str, int]:
        whole, name, end = tag[0], tag["name"].lower(), tag.end()
        if name in _ACTIVE:
            return "", self._end_of_content(name, end) if not tag["close"] else end
        plain = "\n" not in whole and "\r" not in whole
        if tag["close"] or "=" not in tag["rest"]:
            return whole if plain else f"<{tag['close']}{name}>", end
        if name not in nh3.ALLOWED_TAGS:
            return "&lt;", tag.start() + 1
        made = _MADE.match(_nh3.clean(whole))
        rest = made[1] if made else ""  # nh3 keeps no cell without its table
        if plain and _attributes(rest) == _attributes(tag["rest"]):
            return whole, end
        rest = rest.replace("<", "&lt;").replace(">", "&gt;").replace("\n", " ")
        return f"<{name}{rest}>", end

    def _end_of_content(self, name: str, place: int) -> int:
        """Return where script or style ends, if it does before code begins."""
        closing = self._closings.first(place)
        if name not in nh3.CLEAN_CONTENT_TAGS or closing is None:
            return place
        end = self._ends.first(closing[0])
        after = end[1] if end else len(self._text)
        return after if after <= self._code.block_from(place)[0] else place


def _attributes(rest: str) -> list[tuple[str, str]]:
    return [
        (name.lower(), unescape(value.strip("\"'")))
        for name, value in _ATTRIBUTE.findall(rest)
    ]
