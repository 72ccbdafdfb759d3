"""What the command line prints, and what it keeps from a terminal."""

from __future__ import annotations

import io

import pytest
from terminals import Terminal

from zg_core.cli._output import Output, plain
from zg_core.errors import ConfigError


def piped(*, as_json: bool = False, encoding: str = "utf-8") -> Output:
    streams = [io.TextIOWrapper(io.BytesIO(), encoding, write_through=True)] * 2
    return Output(*streams, as_json=as_json)


def written(output: Output) -> str:
    buffer = output.stdout.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode(output.stdout.encoding)


@pytest.mark.parametrize(
    "text", ["\x1b[31mred", "a\x07b", "\u202etxt.exe", "\x9b2J", "a\rb", "\u2066x"]
)
def test_what_would_do_something_to_a_terminal_is_replaced(text: str) -> None:
    assert "\N{REPLACEMENT CHARACTER}" in plain(text)


def test_ordinary_text_of_any_script_stays() -> None:
    text = "tabs\tlines\nZürich 東京 👩\u200d💻 עברית"

    assert plain(text) == text


def test_a_table_is_aligned_and_has_a_mark_for_nothing() -> None:
    output = piped()

    output.table(["A", "LONG"], [(1, None), ("wide\ncell", True), ((), ("x", "y"))])

    assert (
        written(output)
        == "A          LONG\n1          -\nwide cell  yes\n-          x, y\n"
    )


def test_on_a_terminal_a_line_is_cut_to_its_width(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    output = Output(terminal.stream, terminal.stream, as_json=False)

    output.table(["A", "B"], [("x" * 30, "y" * 30)])

    lines = terminal.read().splitlines()
    assert lines[1] == "x" * 30 + "  " + "y" * 7 + "…"


def test_for_json_only_the_document_is_printed() -> None:
    output = piped(as_json=True)

    output.say("hello")
    output.table(["A"], [(1,)])
    output.document({"ü": 1, "path": io})

    assert written(output).startswith('{\n  "ü": 1')


def test_for_people_no_document_is_printed() -> None:
    output = piped()
    output.document({"a": 1})

    assert written(output) == ""


def test_json_survives_an_encoding_without_its_characters() -> None:
    output = piped(as_json=True, encoding="ascii")
    output.document("ü")

    assert written(output) == '"\\u00fc"\n'


def test_an_error_without_a_remedy_is_one_line() -> None:
    output = piped()
    output.error(ConfigError("it is wrong"))

    assert written(output) == "error: it is wrong\n"


def test_piped_a_bar_is_one_line() -> None:
    output = piped()
    with output.bar("fetching", 10) as advance:
        advance(10)

    assert written(output) == "fetching\n"


def test_on_a_terminal_a_bar_moves(terminal: Terminal) -> None:
    output = Output(terminal.stream, terminal.stream, as_json=False)
    with output.bar("fetching", 2_000_000) as advance:
        advance(1_000_000)
        advance(1_000_000)

    shown = terminal.read()
    assert "fetching" in shown
    assert "2.0/2.0 MB" in shown
