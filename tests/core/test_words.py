"""The small words everything else is made of."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

import zg_core as zg
from zg_core._groups import ungrouped
from zg_core._names import clean_description, is_name, nearest, new_run_id, valid_run_id
from zg_core._prompts import fill
from zg_core._wire_names import wire_names

# -- Names --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["../evil", "Upper", "", "x" * 65, "ä", "a b", "1st", "a\n", None, 7]
)
def test_what_is_no_name_is_not_taken_for_one(text: object) -> None:
    assert not is_name(text)


@pytest.mark.parametrize("text", ["a", "file-reader", "x_1", "x" * 64])
def test_a_name_is_a_name(text: str) -> None:
    assert is_name(text)


def test_what_was_probably_meant_is_found() -> None:
    assert nearest("edtor", ["editor", "operator"]) == "editor"
    assert nearest("zzz", ["editor"]) is None


def test_descriptions_lose_what_a_terminal_should_not_see() -> None:
    assert clean_description("a\x1b[31m\u202eb\n" + "x" * 2000) == (
        "a [31m b " + "x" * 1015
    )


def test_run_ids_are_new_sorted_by_time_and_of_the_standards_form() -> None:
    before = datetime.now(UTC).timestamp()
    ids = [new_run_id() for _ in range(100)]

    assert len(set(ids)) == 100
    for run_id in ids:
        assert valid_run_id(run_id)
        assert re.fullmatch(r"run_[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}", run_id)
        assert abs(int(run_id[4:16], 16) / 1000 - before) < 60


QUALIFIED = st.from_regex(
    r"[a-z][a-z0-9.-]{0,70}:[a-z][a-z0-9_-]{0,63}", fullmatch=True
)


@given(st.sets(QUALIFIED, max_size=20))
def test_any_set_of_names_has_distinct_legal_wire_names(names: set[str]) -> None:
    wire = wire_names(sorted(names))

    assert set(wire) == names
    assert len(set(wire.values())) == len(names)
    for name in wire.values():
        assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name)


def test_a_wire_name_is_the_short_one_where_that_is_unique() -> None:
    assert wire_names(["a:add", "b:sub", "b:add"]) == {
        "a:add": "a__add",
        "b:sub": "sub",
        "b:add": "b__add",
    }


def test_wire_names_stay_distinct_where_a_name_looks_like_another() -> None:
    names = ["a:x", "b:x", "c:a__x"]

    assert len(set(wire_names(names).values())) == 3


# -- Prompts ------------------------------------------------------------------------


def test_prompts_are_filled_once_and_with_plain_names_only() -> None:
    filled = fill("{a} {a.b} {a!r} {{a}} {c}", {"a": "{c}", "b": "no"})

    assert filled == "{c} {a.b} {a!r} {{c}} {c}"


# -- Errors -------------------------------------------------------------------------


def test_an_error_is_a_cause_and_a_remedy_and_its_parts() -> None:
    error = zg.RateLimitError("too many", "wait", retry_after=2.0, model="m")

    assert str(error) == "too many; wait"
    assert (error.cause, error.remedy, error.retry_after) == ("too many", "wait", 2.0)
    assert error.details == {"retry_after": 2.0, "model": "m"}
    assert str(zg.RunError("it broke")) == "it broke"


def test_a_group_is_raised_as_its_first_error_with_the_others_in_its_notes() -> None:
    first, second = ValueError("one"), KeyError("two")

    with pytest.raises(ValueError, match="one") as caught, ungrouped():
        raise ExceptionGroup("g", [ExceptionGroup("inner", [first]), second])

    assert "two" in caught.value.__notes__[0]


# -- Usage and limits ---------------------------------------------------------------


def test_usage_adds_up() -> None:
    one = zg.Usage(input_tokens=3, output_tokens=2, reasoning_tokens=1, calls=1)

    assert (one + one).total_tokens == 10
    assert (one + one).reasoning_tokens == 2


@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_a_limit_is_above_zero(value: float) -> None:
    with pytest.raises(ValueError, match="above zero"):
        zg.Limits(usd=value)


def test_two_limits_at_once_are_the_smaller_of_each() -> None:
    both = zg.Limits(usd=1, tokens=5) | zg.Limits(usd=2, calls=3)

    assert both == zg.Limits(usd=1, tokens=5, calls=3)


# -- Messages -----------------------------------------------------------------------


def test_a_message_knows_its_text_and_its_tool_calls() -> None:
    wish = zg.ToolCall(call_id="1", name="add", arguments={})
    message = zg.Message(role="assistant", parts=(zg.Text(text="so: "), wish))

    assert message.text == "so: "
    assert message.tool_calls == (wish,)
    assert zg.Message.assistant("x") == zg.Message(
        role="assistant", parts=(zg.Text(text="x"),)
    )


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (zg.ToolResult(call_id="1", output="plain"), "plain"),
        (zg.ToolResult(call_id="1", output={"ä": [1]}), '{"ä": [1]}'),
        (zg.ToolResult(call_id="1", error="no"), "no"),
    ],
)
def test_a_tool_result_reads_as_text(result: zg.ToolResult, text: str) -> None:
    assert zg.Message.tool(result).text == text


# -- Settings -----------------------------------------------------------------------


def test_a_secret_comes_from_the_environment_first_and_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[str] = []
    settings = zg.Settings("p", {"key": "from-file"}, on_secret=told.append)
    monkeypatch.setenv("P_KEY", "from-environment")

    assert settings.secret("key", env="P_KEY") == "from-environment"
    assert settings.secret("key") == "from-file"
    assert told == ["from-environment", "from-file"]


@pytest.mark.parametrize(
    ("env", "where"), [("P_KEY", "set P_KEY, or"), (None, "set key")]
)
def test_a_missing_secret_says_where_to_put_it(env: str | None, where: str) -> None:
    with pytest.raises(zg.ConfigError, match=where):
        zg.Settings("p").section("s").secret("key", env=env)


def test_settings_never_show_their_values() -> None:
    settings = zg.Settings("p", {"key": "hidden", "n": 1})

    assert "hidden" not in repr(settings)
    assert dict(settings) == {"key": "hidden", "n": 1}
