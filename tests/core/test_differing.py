"""What is different between two requests, in lines for a person."""

from __future__ import annotations

from zg_core.messages import Image, Message, Reasoning, ToolCall, ToolResult
from zg_core.models import Request, ToolDefinition
from zg_core.running.differing import diff, nearest_request, ordinal, request_lines


def test_a_request_is_shown_with_all_that_makes_it_what_it_is() -> None:
    call = ToolCall(call_id="1", name="add", arguments={"a": 1})
    thought = Reasoning(provider="anthropic", data={"sealed": "x"})
    request = Request(
        model="",
        messages=(
            Message.system("Be kind.\nBe short."),
            Message.user("Look!", Image(media_type="image/png", data="AAAA")),
            Message(role="assistant", parts=(thought, call)),
            Message.tool(ToolResult(call_id="1", output={"sum": 1})),
        ),
        tools=(ToolDefinition(name="add", description="Add.", parameters={}),),
        output_schema={"type": "string"},
        max_output_tokens=9,
        temperature=0.5,
    )

    assert list(request_lines(request)) == [
        *("[system]", "Be kind.", "Be short."),
        *("[user]", "[image/png, 4 letters of base64]", "Look!"),
        *("[assistant]", "[reasoning of anthropic]"),
        *("[call of add]", "{", '  "a": 1', "}"),
        *("[tool]", "[result]", '{"sum": 1}'),
        *("[tool add]", "Add.", "{}"),
        *("[output schema]", "{", '  "type": "string"', "}"),
        *("[max_output_tokens] 9", "[temperature] 0.5"),
    ]


def test_the_request_that_was_meant_is_the_one_most_like_it() -> None:
    def request(*texts: str) -> Request:
        return Request(model="", messages=tuple(map(Message.user, texts)))

    recorded = [request("x", "y"), request("a", "b", "c"), request("a", "b")]

    assert nearest_request(request("a", "B"), recorded) == recorded[2]
    assert nearest_request(request("a", "B", "c"), recorded) == recorded[1]
    assert nearest_request(request("a"), []) is None


def test_a_diff_is_cut_where_it_gets_long() -> None:
    lines = diff([f"line {n}" for n in range(999)], ["x" * 5_000]).splitlines()

    assert len(lines) == 201
    assert lines[-1] == "… and 803 more lines"
    assert diff(["y"], ["x" * 5_000]).splitlines()[-1] == f"+{'x' * 999}…"


def test_places_are_words() -> None:
    assert list(map(ordinal, (1, 2, 3, 4, 11, 12, 13, 21, 102, 111))) == [
        *("1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "111th")
    ]
