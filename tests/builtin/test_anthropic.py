"""Anthropic's format, on the wire and back."""

from __future__ import annotations

import json

import pytest
from builtin.vendors import ASKED, answer, asking, both, make

from zg_core.plugin_api import (
    JsonObject,
    Message,
    Request,
    Text,
    ToolCall,
    ToolDefinition,
    ToolResult,
)
from zg_core.testing import WireServer
from zg_core.testing.wire import Fault

pytestmark = pytest.mark.anyio

CALL = ToolCall(call_id="c1", name="look", arguments={"at": "it"})


async def test_a_conversation_is_sent_as_anthropic_wants_it() -> None:
    talk = Request(
        model="m",
        messages=(
            Message.system("Be brief."),
            Message.system("Be kind."),
            Message.user("Look."),
            Message(role="assistant", parts=(Text(text="I look."), CALL)),
            Message.tool(
                ToolResult(call_id="c1", output={"seen": "ü"}),
                ToolResult(call_id="c2", error="it is gone"),
            ),
            Message.assistant(" \n"),
        ),
        tools=(ToolDefinition(name="look", description="Looks.", parameters={}),),
        max_output_tokens=9,
        temperature=0.5,
    )

    async with WireServer() as server, asking("anthropic", server) as provider:
        await both(provider, talk)

    whole, stream = (request.body for request in server.requests)
    assert whole == {
        "model": "m",
        "max_tokens": 9,
        "system": "Be brief.\n\nBe kind.",
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Look."}]},
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "I look."},
                    {
                        "type": "tool_use",
                        "id": "c1",
                        "name": "look",
                        "input": {"at": "it"},
                    },
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "c1",
                        "content": '{"seen": "ü"}',
                    },
                    {
                        "type": "tool_result",
                        "tool_use_id": "c2",
                        "content": "it is gone",
                        "is_error": True,
                    },
                ],
            },
        ],
        "tools": [{"name": "look", "description": "Looks.", "input_schema": {}}],
    }
    assert stream == whole | {"stream": True}


@pytest.mark.parametrize(
    ("schema", "sent"),
    [
        (
            {"type": "object", "properties": {"a": {"type": "string", "maxLength": 3}}},
            {
                "type": "object",
                "properties": {
                    "a": {"type": "string", "description": "{maxLength: 3}"}
                },
                "additionalProperties": False,
            },
        ),
        ({"title": "anything"}, {"title": "anything"}),
    ],
)
async def test_a_schema_is_sent_in_words_the_api_can_enforce(
    schema: JsonObject, sent: JsonObject
) -> None:
    asked = Request(model="m", messages=ASKED.messages, output_schema=schema)

    async with WireServer("{}") as server, asking("anthropic", server) as provider:
        await provider.complete(asked)

    form = {"type": "json_schema", "schema": sent}
    assert server.requests[0].body["output_config"] == {"format": form}


async def test_an_answer_has_a_bound_where_nobody_says_one() -> None:
    async with WireServer() as server, asking("anthropic", server) as provider:
        await provider.complete(ASKED)

    assert server.requests[0].body["max_tokens"] == 16_384
    assert provider.info("m").max_output_tokens == 16_384


async def test_text_between_calls_keeps_its_place() -> None:
    said = answer(
        Text(text="First."),
        CALL,
        Text(text="Then."),
        ToolCall(call_id="c2", name="look", arguments={}),
        stop_reason="tool_calls",
    )

    async with WireServer(said, said) as server, asking("anthropic", server) as asked:
        assert list(await both(asked, ASKED)) == [said, said]


async def test_a_call_that_breaks_off_keeps_what_was_written() -> None:
    broken = ToolCall(call_id="c1", name="look", arguments={"": '{"at": "i'})
    said = answer(broken, stop_reason="max_tokens")

    async with WireServer(said, said) as server, asking("anthropic", server) as asked:
        assert list(await both(asked, ASKED)) == [said, said]


def sse(*events: JsonObject) -> Fault:
    """Make a stream of events as a test wants it."""
    return Fault(
        body=b"".join(b"data: %b\n\n" % json.dumps(e).encode() for e in events)
    )


async def test_reasoning_is_counted_and_not_shown() -> None:
    thinking = {"type": "thinking", "thinking": "", "signature": ""}
    thought = {"type": "thinking_delta", "thinking": "hm"}
    usage = {"output_tokens": 9, "output_tokens_details": {"thinking_tokens": 7}}
    stream = sse(
        {"type": "message_start", "message": {"usage": {"input_tokens": 3}}},
        {"type": "content_block_start", "index": 0, "content_block": thinking},
        {"type": "content_block_delta", "index": 0, "delta": thought},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "content_block_start",
            "index": 1,
            "content_block": {"type": "text", "text": "So"},
        },
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn"},
            "usage": usage | {"input_tokens": None},
        },
        {"type": "message_stop"},
    )

    async with WireServer(stream) as server, asking("anthropic", server) as provider:
        *_, last = [chunk async for chunk in provider.stream(ASKED)]

    assert last.response is not None
    assert last.response.text == "So"
    assert last.response.usage.input_tokens == 3
    assert last.response.usage.reasoning_tokens == 7


@pytest.mark.parametrize("text", ["", "Hello. ", "€" * 500, "a\nb" * 200, "\ud800"])
def test_an_estimate_is_never_too_low(text: str) -> None:
    asked = Request(model="m", messages=(Message.user(text),), output_schema={"a": {}})

    assert make("anthropic").estimate(asked) > len(text.encode(errors="replace"))
