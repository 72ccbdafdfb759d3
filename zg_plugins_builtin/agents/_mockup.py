"""Draw a design as one page of HTML that loads nothing and runs nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape

import zg_core.plugin_api as zg

from ._documents import lines_of

__all__ = ["KINDS", "mockup"]

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
:root {{ --background: {background}; --text: {text}; --accent: {accent} }}
body {{ margin: 1rem; background: #ddd; font: 16px/1.5 system-ui, sans-serif }}
h1, h2 {{ max-width: 56rem; margin: 2rem auto .5rem; font-size: 1rem; color: #444 }}
article {{
  max-width: 52rem; margin: auto; padding: 2rem; border-radius: .5rem;
  background: var(--background); color: var(--text)
}}
nav, button {{
  padding: .6rem 1.2rem; border: 0; border-radius: .3rem; font: inherit;
  background: var(--accent); color: var(--background)
}}
nav {{ display: flex; flex-wrap: wrap; gap: 1.5rem }}
label, input, button {{ display: block; margin: .5rem 0 }}
input {{ width: 100%; box-sizing: border-box; padding: .5rem; font: inherit }}
figure {{
  margin: 1rem 0; padding: 3rem 1rem; text-align: center;
  border: 2px dashed var(--accent)
}}
a {{ color: var(--accent) }}
</style>
</head>
<body>
<h1>{title}</h1>
<main>
{pages}
</main>
</body>
</html>
"""

_SECTION = """\
<section>
<h2>{name}</h2>
<article>
{parts}
</article>
</section>"""


def _items(text: str, before: str, after: str) -> str:
    return "".join(f"{before}{escape(line)}{after}" for line in lines_of(text))


KINDS: dict[str, Callable[[str], str]] = {
    "navigation": lambda text: f"<nav>{_items(text, '<span>', '</span>')}</nav>",
    "heading": lambda text: f"<h3>{escape(text)}</h3>",
    "text": lambda text: _items(text, "<p>", "</p>"),
    "list": lambda text: f"<ul>{_items(text, '<li>', '</li>')}</ul>",
    "image": lambda text: f"<figure>{escape(text)}</figure>",
    "input": lambda text: f"<label>{escape(text)}<input></label>",
    "button": lambda text: f'<button type="button">{escape(text)}</button>',
    "link": lambda text: f'<a href="#">{escape(text)}</a>',
}
"""What may be on a page, and how it is drawn; all text is escaped."""

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_PLAIN = {"background": "#ffffff", "text": "#222222", "accent": "#3355aa"}


def mockup(title: str, design: zg.JsonObject) -> str:
    """Draw the pages of a design, one below the other.

    Args:
        title: What it is a design of.
        design: ``palette`` and ``pages`` as in the designer's schema. A colour that
            is missing, or is none, is replaced by a plain one.
    """
    palette = design["palette"]
    colours = {
        name: colour if _COLOUR.fullmatch(colour := palette.get(name, "")) else plain
        for name, plain in _PLAIN.items()
    }
    pages = "\n".join(map(_page, design["pages"]))
    return _PAGE.format(title=escape(title), pages=pages, **colours)


def _page(page: zg.JsonObject) -> str:
    parts = "\n".join(KINDS[part["kind"]](part["text"]) for part in page["parts"])
    return _SECTION.format(name=escape(page["name"]), parts=parts)
