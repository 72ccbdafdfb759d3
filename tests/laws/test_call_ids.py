"""The laws of tool calls' ids: they fit the server, and each result is of its call.

Each call says which it is in its arguments, and its result in its output.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zg_core.plugin_api import Message, ToolCall, ToolResult
from zg_plugins_builtin.providers._call_ids import CallIds, with_call_ids

RULES = {
    "any length": CallIds(allowed=re.compile("[a-zA-Z0-9_-]+"), length=32),
    "nine": CallIds(allowed=re.compile("[a-zA-Z0-9]{9}"), length=9),
    "few": CallIds(allowed=re.compile("[a-zA-Z0-9]{2}"), length=2),
}
rules = pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
foreign = st.sampled_from(["call_0", "call_1", "f.look:0", "", "é", "x" * 80, "\ud800"])
fitting = st.from_regex(r"\A[a-f0-9]{9}\Z") | st.sampled_from(["a1", "b2", "toolu_1"])
ids = foreign | fitting


@st.composite
def talks(draw: st.DrawFn, ids: st.SearchStrategy[str] = ids) -> tuple[Message, ...]:
    """Draw a conversation in which some calls are not answered, and none twice."""
    talk = [Message.user("Begin.")]
    number = 0
    for _ in range(draw(st.integers(0, 4))):
        wished = draw(st.lists(ids, min_size=1, max_size=3))
        calls = [
            ToolCall(call_id=call_id, name="look", arguments={"n": number + at})
            for at, call_id in enumerate(wished)
        ]
        number += len(calls)
        cut = draw(st.integers(0, len(calls)))
        halves = (tuple(calls[:cut]), tuple(calls[cut:]))
        talk += [Message(role="assistant", parts=half) for half in halves]
        results = [
            ToolResult(call_id=call.call_id, output=call.arguments["n"])
            for call in calls
        ]
        if len(set(wished)) == len(wished):
            results = draw(st.permutations(results))
            results = results[: draw(st.integers(0, len(results)))]
        talk += [Message.tool(*results), Message.user("Go on.")]
    return tuple(talk)


def calls_in(talk: Iterable[Message]) -> Iterator[ToolCall]:
    for message in talk:
        yield from message.tool_calls


@rules
@given(talk=talks())
def test_all_calls_have_ids_that_fit_and_no_two_the_same(
    rule: CallIds, talk: tuple[Message, ...]
) -> None:
    sent = [call.call_id for call in calls_in(with_call_ids(talk, rule))]

    assert all(map(rule.allowed.fullmatch, sent))
    assert len(set(sent)) == len(sent)


@rules
@given(talk=talks())
def test_each_result_has_the_id_of_its_call_and_nothing_else_changes(
    rule: CallIds, talk: tuple[Message, ...]
) -> None:
    sent = with_call_ids(talk, rule)

    numbers = {call.call_id: call.arguments["n"] for call in calls_in(sent)}
    for message, before in zip(sent, talk, strict=True):
        assert message.role == before.role
        assert message.text == before.text
        assert [(c.name, c.arguments) for c in message.tool_calls] == [
            (c.name, c.arguments) for c in before.tool_calls
        ]
        for part in message.parts:
            if isinstance(part, ToolResult):
                assert numbers[part.call_id] == part.output


@rules
@given(talk=talks(), at=st.integers(0, 20))
def test_what_was_sent_once_is_sent_again_as_the_talk_goes_on(
    rule: CallIds, talk: tuple[Message, ...], at: int
) -> None:
    assert with_call_ids(talk, rule)[:at] == with_call_ids(talk[:at], rule)


@rules
@given(talk=talks())
def test_a_talk_that_fits_is_sent_as_it_is(
    rule: CallIds, talk: tuple[Message, ...]
) -> None:
    fits = with_call_ids(talk, rule)

    assert all(a is b for a, b in zip(with_call_ids(fits, rule), fits, strict=True))
