"""Turn what a model said into Markdown, adding nothing but structure."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["bullets", "code", "document", "labelled", "lines_of", "one_line", "section"]


def document(*parts: str) -> str:
    """Join the parts that are not empty, a blank line between two."""
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


def section(title: str, body: str) -> str:
    """Put a heading above a body; nothing at all if the body is empty."""
    return f"## {title}\n\n{body}" if body.strip() else ""


def bullets(items: Iterable[str], *, numbered: bool = False) -> str:
    """Make a list of the items that are not empty."""
    lines = filter(None, map(one_line, items))
    return "\n".join(
        f"{f'{number}.' if numbered else '-'} {line}"
        for number, line in enumerate(lines, 1)
    )


def labelled(name: str, text: str) -> str:
    """Put a name before a text, unless the text begins with it anyway."""
    return f"**{name}**: {text}" if name and not text.startswith(name) else text


def lines_of(text: str) -> list[str]:
    """Return the lines that say something, without the marks of a list."""
    lines = (line.strip(" \t-•*") for line in text.splitlines())
    return [line for line in lines if line]


def one_line(text: str) -> str:
    """Put a text on one line."""
    return " ".join(text.split())


def code(text: str) -> str:
    """Quote a name as code, whatever backticks it has."""
    fence = "`"
    while fence in text:
        fence += "`"
    pad = " " if "`" in text else ""
    return f"{fence}{pad}{text}{pad}{fence}"
