"""The guardrail `markup`: no script comes through, and nothing else is touched."""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from offering import Offering, flow, say

import zg_core as zg
from zg_plugins_builtin.guardrails.markup import Markup

REPLY = zg.Inspection(run_id="r", stage="output", subject="reply", step="a")


def markup(**section: object) -> Markup:
    return Markup(zg.Settings("builtin", {"markup": section}))


def cleaned(payload: zg.Json, guardrail: Markup | None = None) -> zg.Json:
    """Return what is left of a reply; the reply itself if nothing was changed."""
    verdict = (guardrail or markup()).check(payload, REPLY)
    assert verdict.allow, verdict.reason
    if verdict.replacement is None:
        return payload
    assert verdict.reason == "script was taken out of it"
    return verdict.replacement


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a < b and c > d & e, 5 <6 > 4, a <- b -> c <> d <= e",
        "A List<String>, a Map<K, V>, and a <placeholder of yours>",
        "if a<b: return x",
        "x<y: z = 3",
        "for (i=0;i<n;i++) { if (x>3) }",
        "while i<n && j=3 && k>2",
        "&lt;script&gt; &amp; &nbsp;",
        "line\r\nline\rline\n\n",
        "I </3 you, <?php echo 1 ?>, <!DOCTYPE html>",
        "<b>bold</b>, <br/> and <details>\n<summary>more</summary>",
        '<a href="https://example.com/?a=1" title="x">k</a> <img src=a.png alt=\'q\'>',
        "<https://example.com/?a=b> and <me@example.com>",
        "[x](https://example.com) and [y](<a b.md>)\n\n[z]: http://example.com",
        "JavaScript: The Good Parts; the javascript: scheme",
        "[1]: see there; f(a[0])(b); [data]: image",
        "![dot](data:image/png;base64,AAAA)",
        "Use `<script>` or ``<img onerror=`x`>`` here",
        "```html\n<script>alert(1)</script>\n```\n",
        "- so:\n  ~~~js\n  if (a<b && c>d) x = '<img onerror=1>'\n  ~~~\n- and\n",
        "> ```\n> <script>\n> ```\n",
        "so\n\n    <script>indented</script>\n",
        "| a | b |\n|---|---|\n| `<svg onload=x>` | 1 |\n",
        "</foo x=1> </B>",
        "\\`<b>` and \\\\",
    ],
)
def test_text_without_script_comes_back_byte_for_byte(text: str) -> None:
    assert cleaned(text) == text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("<script>alert(1)</script>hi", "hi"),
        ("<SCRIPT SRC=x>\nlong\n</SCRIPT >y", "y"),
        ("<script>never ended", "never ended"),
        ("<style>p {}</style><p>", "<p>"),
        ("<script>a</script", ""),
        ("Use <script> so:\n```\n</script>\n```\n", "Use  so:\n```\n</script>\n```\n"),
        ("a<scr<script></script>ipt>b</scr</script>ipt>c", "ac"),
        ("<<script></script>img src=x onerror=alert(1)>", '<img src="x">'),
        ("<img src=x onerror=alert(1)>", '<img src="x">'),
        ("<img/src=x/onerror=alert(1)>", "&lt;img/src=x/onerror=alert(1)>"),
        ("<svg onload=alert(1)><b>x</b></svg>", "<b>x</b>"),
        ("<svg/onload=alert(1)", "&lt;svg/onload=alert(1)"),
        ("<iframe src=//e.example></iframe>x", "x"),
        ("<x onclick=alert(1)>", "&lt;x onclick=alert(1)>"),
        ("<x/onclick=alert(1) ", "&lt;x/onclick=alert(1) "),
        ('<x a=">" onclick=y>', '&lt;x a=">" onclick=y>'),
        ("<b x<5 onclick=alert(1)>", "&lt;b x<5 onclick=alert(1)>"),
        ("<b\nfoo>bar</b\n>", "<b>bar</b>"),
        ("<a href='javascript:x()' onclick='y'>k</a>", "<a>k</a>"),
        ('<a href="jav&Tab;ascript:x()">k</a>', "<a>k</a>"),
        ('<a title="&gt;&lt;&#10;&#10;x" id=y>', '<a title="&gt;&lt;  x">'),
        ("<td align=left>x", "<td>x"),
        ("a<b and c=='x' or d>e", "a&lt;b and c=='x' or d>e"),
        ('> <a\n> onclick="x">k</a>', '> <a> onclick="x">k</a>'),
        ("<https://e.example/onclick=x>", "&lt;https://e.example/onclick=x>"),
        ("<javascript:x()>", "<#x()>"),
        ("a <!-- <b onclick=x> --> b <!-- c", "a  b &lt;!-- c"),
        ("<!--><script>x</script>-->", "&lt;!-->-->"),
        ("[x](javascript:f())", "[x](#f())"),
        ("![x]( <JaVaScRiPt:f()>)", "![x]( <#f()>)"),
        (r"[x](javascript\:f())", "[x](#f())"),
        ("[x](&#106;ava&#10;script&colon;f())", "[x](#f())"),
        ("[x](vbscript:f) [y](data:text/html,z)", "[x](#f) [y](#,z)"),
        ("> [x]:\n> javascript:f()", "> [x]:\n> #f()"),
        ("[x](<script>)", "[x]()"),
        ("so ` a\n` <img src=x onerror=y> `", 'so ` a\n` <img src="x"> `'),
        ("- ` a\n- <img src=x onerror=y> `", '- ` a\n- <img src="x"> `'),
        ("`<!--` <!-- `-->", "`<!--` "),
        ("|a|b|\n|-|-|\n|` |<svg onload=x>`|", "|a|b|\n|-|-|\n|` |`|"),
        (
            "<!-- x -->```\n<b>\n```\n<img src=x onerror=y>\n```\n",
            '```\n<b>\n```\n<img src="x">\n```\n',
        ),
    ],
)
def test_script_is_taken_out_and_what_is_around_it_stays(text: str, left: str) -> None:
    assert cleaned(text) == left
    assert cleaned(left) == left


def test_code_is_cleaned_too_where_replies_are_shown_as_html() -> None:
    text = "Use `a<b`:\n\n```\n<script>alert(1)</script>x\n```\n"

    assert cleaned(text, markup(code="clean")) == "Use `a<b`:\n\n```\nx\n```\n"
    assert cleaned(text, markup(code="keep")) == text


def test_another_word_for_code_is_an_error() -> None:
    with pytest.raises(zg.ConfigError, match="must be 'keep' or 'clean', not 'drop'"):
        markup(code="drop")


def test_every_text_in_json_is_cleaned() -> None:
    reply = {"a": ["<script>x</script>y", 1, None, True], "b": {"c": "<b>"}}

    assert cleaned(reply) == {"a": ["y", 1, None, True], "b": {"c": "<b>"}}
    assert cleaned({"a<b": "x < y"}) == {"a<b": "x < y"}


def test_script_in_a_key_is_refused_since_data_would_be_lost() -> None:
    verdict = markup().check([{"<script>": 1}], REPLY)

    assert (verdict.allow, verdict.reason) == (False, "a key of it holds script")


def test_what_never_comes_to_an_end_is_refused() -> None:
    nested = "<" * 30 + "<script></script>".join(["script>"] * 30)
    verdict = markup().check(nested, REPLY)

    assert not verdict.allow
    assert "cannot be taken out" in verdict.reason


class Browser(HTMLParser):
    """Collects what a page would run."""

    def __init__(self) -> None:
        super().__init__()
        self.runs: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "iframe", "svg", "object", "embed", "style", "base"):
            self.runs.append(tag)
        for name, value in attrs:
            scheme = re.sub(r"[\0-\x20]", "", value or "").lower()
            if re.fullmatch("on[a-z]+", name) and value:
                self.runs.append(f"{tag} {name}")
            elif tag in ("a", "img") and scheme.startswith("javascript:"):
                self.runs.append(f"{tag} {name}={value}")


def run_by(html: str) -> list[str]:
    browser = Browser()
    browser.feed(html)
    browser.close()
    return browser.runs


BLANKS = [" ", "  ", "\n", "\n\n", "\n```\n", "\n> ", "\n- ", "\n    ", "\t"]
WORDS = r"""
    < <a <b <img <x <script </script> <svg </b> <!-- --> <? > / = ' " ` `` ``` on
    onclick=y onerror=y href= src= javascript: java &#10; &Tab; script: ]( [x]( ]: )
    | \\ - text a
"""
PIECES = st.sampled_from([*WORDS.split(), *BLANKS])
TEXTS = st.lists(PIECES, max_size=25).map("".join)


@given(TEXTS)
@example("<!-- x -->```\n<b>\n```\n<img src=x onerror=y>\n```\n")
def test_no_page_runs_what_is_left(text: str) -> None:
    verdict = markup(code="clean").check(text, REPLY)
    left = text if verdict.replacement is None else verdict.replacement
    assert isinstance(left, str)

    assert not verdict.allow or not run_by(f"{left}</p>")


@given(TEXTS)
def test_no_renderer_of_markdown_makes_a_page_that_runs_it(text: str) -> None:
    verdict = markup().check(text, REPLY)
    left = text if verdict.replacement is None else verdict.replacement
    assert isinstance(left, str)
    renderer = MarkdownIt("commonmark", {"html": True}).enable("table")
    renderer.validateLink = lambda url: True  # one that trusts every link

    assert not verdict.allow or not run_by(renderer.render(left))


@given(TEXTS)
def test_what_was_cleaned_is_clean(text: str) -> None:
    verdict = markup().check(text, REPLY)

    if verdict.allow and verdict.replacement is not None:
        assert cleaned(verdict.replacement) == verdict.replacement


@given(st.text(st.characters(exclude_characters="<]")))
def test_text_with_neither_tags_nor_links_is_left_alone(text: str) -> None:
    assert cleaned(text) == text


@pytest.mark.parametrize(
    "piece",
    [
        "<a",
        "<a '",
        '<a "x',
        "<script>",
        "<!--",
        "](",
        "]:&#32;",
        "`",
        "` ``",
        "<b =",
        "> -",
    ],
)
def test_five_times_the_text_takes_about_five_times_as_long(piece: str) -> None:
    def seconds(times: int) -> float:
        begun = time.process_time()
        markup().check(piece * times, REPLY)
        return time.process_time() - begun

    seconds(1)
    assert seconds(5_000) < 15 * seconds(1_000) + 0.2


@pytest.mark.anyio
async def test_an_engine_gives_the_cleaned_reply_and_leaves_files_alone() -> None:
    page = "<script>run()</script>"

    async def agent(ctx: zg.Context) -> zg.Reply:
        await ctx.write_artifact("page.html", page)
        return zg.Reply(output=f"Here: {page}", artifacts=("page.html",))

    async with zg.Engine.open(
        Offering(a=agent, b=say("a < b")),
        config=zg.Config(guardrails_enabled=("markup",)),
        journal="memory",
        discover=(),
    ) as engine:
        result = await engine.run(flow("a", "b"), page, run_id="r")
        events = await engine.journal.read("r")
    changes = [
        event.guardrail
        for event in events
        if isinstance(event, zg.GuardrailDecided) and event.replacement is not None
    ]

    assert result.output == {"a": "Here: ", "b": "a < b"}
    assert (Path(result.out) / "page.html").read_text() == page
    assert changes == ["builtin:markup"]
