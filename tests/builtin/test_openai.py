"""OpenAI's format, on the wire and back; and the servers that speak it too."""

from __future__ import annotations

import json

import pytest
from builtin.vendors import ASKED, answer, asking, both, make

from zg_core.plugin_api import (
    Json,
    JsonObject,
    Message,
    ProviderRequestError,
    ProviderResponseError,
    Request,
    Settings,
    Text,
    ToolCall,
    ToolDefinition,
    ToolResult,
)
from zg_core.testing import WireServer
from zg_core.testing.wire import Fault
from zg_plugins_builtin.providers import SPECS, profiles

pytestmark = pytest.mark.anyio

CALL = ToolCall(call_id="c1", name="look", arguments={"at": "it"})
BROKEN = ToolCall(call_id="c2", name="look", arguments={"": "{no"})
TALK = Request(
    model="m",
    messages=(
        Message.system("Be brief."),
        Message.user("Look."),
        Message(role="assistant", parts=(Text(text="I look."), CALL, BROKEN)),
        Message.tool(
            ToolResult(call_id="c1", output={"seen": "ü"}),
            ToolResult(call_id="c2", error="that is no JSON object"),
        ),
    ),
    tools=(ToolDefinition(name="look", description="Looks.", parameters={}),),
    max_output_tokens=9,
    temperature=0.5,
)


async def test_a_conversation_is_sent_as_openai_wants_it() -> None:
    async with WireServer() as server, asking("openai", server) as provider:
        await both(provider, TALK)

    whole, stream = (request.body for request in server.requests)
    assert whole == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Look."},
            {
                "role": "assistant",
                "content": "I look.",
                "tool_calls": [
                    {
                        "id": "c1",
                        "type": "function",
                        "function": {"name": "look", "arguments": '{"at":"it"}'},
                    },
                    {
                        "id": "c2",
                        "type": "function",
                        "function": {"name": "look", "arguments": '{"":"{no"}'},
                    },
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": '{"seen": "ü"}'},
            {"role": "tool", "tool_call_id": "c2", "content": "that is no JSON object"},
        ],
        "tools": [
            {
                "type": "function",
                "function": {"name": "look", "description": "Looks.", "parameters": {}},
            }
        ],
        "max_tokens": 9,
        "temperature": 0.5,
    }
    assert stream == whole | {"stream": True, "stream_options": {"include_usage": True}}


CLOSED: JsonObject = {"additionalProperties": False, "required": ["a"]}


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        ({"type": "object", "properties": {"a": {"type": "string"}}} | CLOSED, True),
        (
            {
                "type": "object",
                "properties": {"a": {"type": "array", "items": {"$ref": "#/$defs/b"}}},
                "$defs": {"b": {"anyOf": [{"type": "null"}, {"const": 1}]}},
            }
            | CLOSED,
            True,
        ),
        ({"type": "object", "properties": {"a": {"type": "string"}}}, False),
        ({"type": "object", "properties": {"a": {"maxLength": 3}}} | CLOSED, False),
        ({"type": "object", "properties": {"a": True}} | CLOSED, False),
        ({"type": "object", "properties": {"a": {}, "b": {}}} | CLOSED, False),
        ({"type": "array", "items": {"type": "string"}}, False),
    ],
)
async def test_a_schema_is_enforced_where_openai_can(
    schema: JsonObject, strict: bool
) -> None:
    asked = Request(model="m", messages=ASKED.messages, output_schema=schema)

    async with WireServer("{}") as server, asking("openai", server) as provider:
        await provider.complete(asked)

    assert server.requests[0].body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": schema, "strict": strict},
    }


async def test_the_answer_to_a_schema_is_text_that_fits_it() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    asked = Request(model="m", messages=ASKED.messages, output_schema=schema)

    async with WireServer() as server, asking("openai", server) as provider:
        responses = await both(provider, asked)

    assert [json.loads(response.text) for response in responses] == [{"n": 1}] * 2


def chat(message: JsonObject, **fields: Json) -> Fault:
    """Make an answer whose document is as a test wants it."""
    document = {"choices": [{"message": message, **fields}]}
    return Fault(body=json.dumps(document).encode())


async def test_what_other_servers_do_differently_is_understood() -> None:
    function = {"name": "look", "arguments": {"at": "it"}}
    answers = (
        chat({"content": [{"type": "text", "text": "Hi"}]}, finish_reason="stop"),
        chat({"content": None, "tool_calls": [{"function": function}]}),
        chat({"content": None, "refusal": "I will not."}, finish_reason="stop"),
        chat({"content": "…"}, finish_reason="new"),
    )

    async with WireServer(*answers) as server, asking("openai", server) as provider:
        parts, calls, refusal, new = [await provider.complete(ASKED) for _ in answers]

    assert (parts.text, parts.stop_reason) == ("Hi", "end")
    assert calls.message.tool_calls[0].arguments == {"at": "it"}
    assert (calls.message.tool_calls[0].call_id, calls.stop_reason) == (
        "call_0",
        "tool_calls",
    )
    assert (refusal.text, refusal.stop_reason) == ("I will not.", "refusal")
    assert new.stop_reason == "other"
    assert new.usage.total_tokens == 0


async def test_a_call_without_arguments_has_none() -> None:
    said = chat({"tool_calls": [{"function": {"name": "look", "arguments": ""}}]})

    async with WireServer(said) as server, asking("openai", server) as provider:
        response = await provider.complete(ASKED)

    assert response.message.tool_calls[0].arguments == {}


@pytest.mark.parametrize("text", ["", "Hello. ", "€" * 500, "a\nb" * 200, "\ud800"])
def test_an_estimate_is_never_too_low(text: str) -> None:
    provider = make("openai")
    asked = Request(model="m", messages=(Message.user(text),))

    assert provider.estimate(asked) > len(text.encode(errors="replace"))


def test_settings_say_what_models_can_do() -> None:
    info = make("openai", tools=False, context_tokens=4096, small=True).info("m")

    assert (info.tools, info.small, info.context_tokens) == (False, True, 4096)


async def test_openai_itself_is_told_the_bound_by_its_new_name() -> None:
    asked = Request(model="m", messages=ASKED.messages, max_output_tokens=5)
    field = {"max_tokens_field": "max_completion_tokens"}

    async with (
        WireServer() as server,
        asking("openai", server, **field) as provider,
    ):
        await provider.complete(asked)

    assert server.requests[0].body["max_completion_tokens"] == 5


# -- Servers of one's own ------------------------------------------------------------


async def test_a_profile_asks_the_first_model_its_server_offers() -> None:
    async with WireServer() as server:
        ollama = {"base_url": f"{server.url}/v1"}
        provider = profiles.ollama(Settings("zerogravity", {"ollama": ollama}))
        for _ in range(2):
            response = await provider.complete(
                Request(model="auto", messages=ASKED.messages)
            )
        await provider.close()

    assert response.model == "wire"
    assert server.requests[0].headers["authorization"] == "Bearer none"


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (b'{"data": []}', ProviderRequestError),
        (b'{"data": [{"id": "an-embedder"}]}', ProviderRequestError),
        (b"<html>", ProviderResponseError),
    ],
)
async def test_a_server_without_a_model_is_said_to_have_none(
    said: bytes, kind: type[Exception]
) -> None:
    async with WireServer(models=said) as server:
        values = {"vllm": {"base_url": f"{server.url}/v1"}}
        provider = profiles.vllm(Settings("zerogravity", values))
        with pytest.raises(kind):
            await provider.complete(Request(model="auto", messages=ASKED.messages))
        await provider.close()


@pytest.mark.parametrize("make", [profiles.lmstudio, profiles.llama_server])
async def test_a_profile_that_is_not_there_names_its_address(make: object) -> None:
    assert callable(make)
    provider = make(Settings("zerogravity"))

    with pytest.raises(Exception, match=r"http://127\.0\.0\.1:\d+/v1") as caught:
        await provider.complete(Request(model="auto", messages=ASKED.messages))
    await provider.close()

    assert caught.value.retryable


def test_each_spec_can_be_made_and_detected() -> None:
    assert [spec.name for spec in SPECS[:2]] == ["openai", "anthropic"]
    for spec in SPECS:
        assert spec.detect is not None
        assert spec.default_model
        module, _, name = str(spec.factory).partition(":")
        provider = getattr(__import__(module, fromlist=[name]), name)(Settings("zg"))
        assert provider.info("m").tools


async def test_answers_in_parallel_calls_keep_their_order() -> None:
    calls = [ToolCall(call_id=f"c{i}", name="f", arguments={"i": i}) for i in range(12)]
    said = answer(*calls, stop_reason="tool_calls")

    async with WireServer(said, said) as server, asking("openai", server) as provider:
        for response in await both(provider, ASKED):
            assert response.message.tool_calls == tuple(calls)
