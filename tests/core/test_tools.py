"""The decorator: a function is a tool, and stays a function."""

from __future__ import annotations

import pytest

import zg_core.plugin_api as zg


@zg.tool
def count_words(text: str) -> int:
    """Count the words
    of a text.

    Line breaks count as spaces.

    Args:
        text: Any text.
    """
    return len(text.split())


def test_a_decorated_function_is_its_own_spec() -> None:
    assert isinstance(count_words, zg.ToolSpec)
    assert count_words.name == "count_words"
    assert count_words.description == "Count the words of a text."
    assert count_words.effect == "none"
    assert count_words.risk == "low"
    assert count_words.capabilities == frozenset()


def test_a_decorated_function_can_still_be_called() -> None:
    assert count_words("one two") == 2
    assert count_words(text="one\ntwo three") == 3


def test_options_say_what_a_call_does() -> None:
    publish = zg.tool(
        name="publish",
        effect="once",
        capabilities=frozenset({"network"}),
        risk="critical",
        requires_approval=True,
        timeout_seconds=5,
    )

    @publish
    async def send(text: str) -> None:
        """Publish a text."""

    assert send.name == "publish"
    assert (send.effect, send.risk, send.requires_approval) == (
        "once",
        "critical",
        True,
    )
    assert (send.capabilities, send.timeout_seconds) == (frozenset({"network"}), 5)


def test_one_decorator_makes_any_number_of_tools() -> None:
    reads = zg.tool(effect="read")

    def first() -> None: ...
    def second() -> None: ...

    assert [reads(first).name, reads(second).name] == ["first", "second"]
    assert reads(first).description == ""


@pytest.mark.parametrize("name", ["getWeather", "_private", "größe", "x" * 65])
def test_a_name_no_model_may_see_is_refused_with_the_remedy(name: str) -> None:
    def function() -> None: ...

    function.__name__ = name

    with pytest.raises(ValueError, match=r"@tool\(name=…\) names it otherwise"):
        zg.tool(function)
    assert zg.tool(name="other")(function).name == "other"


def test_an_unknown_option_is_an_error() -> None:
    with pytest.raises(TypeError, match="effects"):
        zg.tool(effects="read")(count_words.function)  # type: ignore[call-overload]


def test_a_spec_made_of_a_factory_is_no_function() -> None:
    spec = zg.ToolSpec(name="fetch", factory="zg_x.tools:make_fetch")

    with pytest.raises(TypeError, match="'fetch' is not made of a function"):
        spec("https://example.org")


@pytest.mark.parametrize("given", [{}, {"factory": "a:b", "function": print}])
def test_a_tool_is_a_factory_or_a_function(given: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="a factory or a function"):
        zg.ToolSpec(name="fetch", **given)  # type: ignore[arg-type]
