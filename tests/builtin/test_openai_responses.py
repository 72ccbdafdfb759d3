"""OpenAI's responses API, on the wire and back; and who is asked that way."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from builtin.vendors import ASKED, KEY, asking, both, make, streamed

from zg_core.plugin_api import (
    JsonObject,
    Message,
    ProviderRequestError,
    ProviderResponseError,
    ProviderUnavailableError,
    RateLimitError,
    Reasoning,
    Request,
    Response,
    Text,
    ToolCall,
    ToolDefinition,
    ToolResult,
    Usage,
)
from zg_core.testing import WireServer
from zg_core.testing.wire import Fault
from zg_plugins_builtin.providers._responses import reasons

pytestmark = pytest.mark.anyio

CALL = ToolCall(call_id="c1", name="look", arguments={"at": "it"})
SEALED = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [],
    "encrypted_content": "gAAAB",
}
THOUGHT = Reasoning(provider="openai", data=SEALED)
TOOL = ToolDefinition(name="look", description="Looks.", parameters={"type": "object"})


async def test_a_conversation_is_sent_as_items_in_order() -> None:
    talk = Request(
        model="m",
        messages=(
            Message.system("Be brief."),
            Message.user("Look."),
            Message(role="assistant", parts=(THOUGHT, Text(text="I look."), CALL)),
            Message.tool(ToolResult(call_id="c1", output={"seen": "ü"})),
        ),
        tools=(TOOL,),
        max_output_tokens=99,
        temperature=0.5,
    )

    async with (
        WireServer() as server,
        asking("openai", server, api="responses") as provider,
    ):
        await both(provider, talk)

    whole, stream = (request.body for request in server.requests)
    assert whole == {
        "model": "m",
        "store": False,
        "input": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Look."},
            SEALED,
            {"role": "assistant", "content": "I look."},
            {
                "type": "function_call",
                "call_id": "c1",
                "name": "look",
                "arguments": '{"at":"it"}',
            },
            {
                "type": "function_call_output",
                "call_id": "c1",
                "output": '{"seen": "ü"}',
            },
        ],
        "tools": [
            {
                "type": "function",
                "name": "look",
                "description": "Looks.",
                "parameters": {"type": "object"},
                "strict": False,
            }
        ],
        "max_output_tokens": 99,
        "temperature": 0.5,
    }
    assert stream == whole | {"stream": True}
    assert {request.path for request in server.requests} == {"/v1/responses"}


async def test_an_answer_is_held_to_a_schema() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    asked = replace(ASKED, output_schema=schema)

    async with (
        WireServer() as server,
        asking("openai", server, api="responses") as provider,
    ):
        responses = await both(provider, asked)

    assert [json.loads(response.text) for response in responses] == [{"n": 1}] * 2
    form = {"type": "json_schema", "name": "answer", "schema": schema, "strict": False}
    assert server.requests[0].body["text"] == {"format": form}


async def test_fewer_tokens_than_the_server_takes_are_as_few_as_it_takes() -> None:
    async with (
        WireServer() as server,
        asking("openai", server, api="responses") as provider,
    ):
        await both(provider, replace(ASKED, max_output_tokens=5))

    sent = [request.body["max_output_tokens"] for request in server.requests]
    assert sent == [16, 16]


async def test_what_a_model_thought_comes_back_to_it_word_for_word() -> None:
    said = Response(
        message=Message(role="assistant", parts=(THOUGHT, CALL)),
        stop_reason="tool_calls",
        usage=Usage(input_tokens=7, output_tokens=5, reasoning_tokens=4, calls=1),
    )

    async with (
        WireServer(said, said) as server,
        asking("openai", server, api="responses") as provider,
    ):
        first, second = await both(provider, ASKED)
        result = Message.tool(ToolResult(call_id="c1", output="a cat"))
        await provider.complete(
            replace(ASKED, messages=(*ASKED.messages, first.message, result))
        )

    assert first.message == second.message == said.message
    assert server.requests[2].body["input"][1] == SEALED


@pytest.mark.parametrize(
    ("inside", "told"),
    [
        ({}, False),
        ({"encrypted_content": None, "content": []}, False),
        ({"encrypted_content": "gAAAB"}, True),
        ({"content": [{"type": "reasoning_text", "text": "Hm."}]}, True),
    ],
)
async def test_a_thought_with_nothing_in_it_is_not_handed_back(
    inside: JsonObject, told: bool
) -> None:
    item = {"type": "reasoning", "id": "rs_1", "summary": []} | inside
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    said = json.dumps({"status": "completed", "output": [item, call]}).encode()

    async with (
        WireServer(Fault(body=said)) as server,
        asking("openai", server, api="responses") as provider,
    ):
        first = await provider.complete(ASKED)
        result = Message.tool(ToolResult(call_id="c", output="a cat"))
        await provider.complete(
            replace(ASKED, messages=(*ASKED.messages, first.message, result))
        )

    items = server.requests[1].body["input"]
    assert (item in items) is told
    assert [i["type"] for i in items[1:] if i != item] == [
        "function_call",
        "function_call_output",
    ]


async def test_a_server_need_not_say_the_items_again_at_the_end() -> None:
    item = {"type": "message", "content": [{"type": "output_text", "text": "Hi."}]}
    other = {"type": "function_call", "call_id": "c", "name": "f", "arguments": ""}
    events = [
        {"type": "response.output_item.done", "output_index": 1, "item": other},
        {"type": "response.output_text.delta", "delta": "Hi."},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": {"output": []}},
    ]
    body = b"".join(b"data: %b\n\n" % json.dumps(e).encode() for e in events)

    async with (
        WireServer(Fault(body=body)) as server,
        asking("openai", server, api="responses") as provider,
    ):
        text, response = await streamed(provider, ASKED)

    assert text == response.text == "Hi."
    assert response.message.tool_calls[0].arguments == {}


async def test_a_comment_on_the_work_is_no_part_of_the_answer() -> None:
    said = {"type": "output_text", "text": "I look it up.", "annotations": []}
    aside = {"type": "message", "phase": "commentary", "content": [said], "id": "m1"}
    final = {"type": "message", "phase": "final_answer", "content": [{"text": "It."}]}
    document = {"status": "completed", "output": [aside, final]}
    events = [
        {"type": "response.output_item.added", "output_index": 0, "item": aside},
        {"type": "response.output_text.delta", "output_index": 0, "delta": "I look"},
        {"type": "response.output_item.added", "output_index": 1, "item": final},
        {"type": "response.output_text.delta", "output_index": 1, "delta": "It."},
        {"type": "response.completed", "response": document},
    ]
    stream = b"".join(b"data: %b\n\n" % json.dumps(e).encode() for e in events)
    answers = Fault(body=json.dumps(document).encode()), Fault(body=stream)

    async with (
        WireServer(*answers) as server,
        asking("openai", server, api="responses") as provider,
    ):
        whole = await provider.complete(ASKED)
        text, response = await streamed(provider, ASKED)
        await provider.complete(replace(ASKED, messages=(whole.message,)))

    assert text == whole.text == response.text == "It."
    assert server.requests[2].body["input"] == [
        aside,
        {"role": "assistant", "content": "It."},
    ]


FAILED = [
    ({"code": "server_error", "message": "no"}, ProviderUnavailableError),
    ({"code": "rate_limit_exceeded", "message": "no"}, RateLimitError),
    (None, ProviderResponseError),
]


@pytest.mark.parametrize(("error", "kind"), FAILED)
async def test_an_answer_that_failed_is_an_error(
    error: JsonObject | None, kind: type[Exception]
) -> None:
    document = {"status": "failed", "output": [], "error": error}
    event = {"type": "response.failed", "response": document}
    whole = Fault(body=json.dumps(document).encode())
    stream = Fault(body=b"data: %b\n\n" % json.dumps(event).encode())

    async with (
        WireServer(whole, stream) as server,
        asking("openai", server, api="responses") as provider,
    ):
        with pytest.raises(kind):
            await provider.complete(ASKED)
        with pytest.raises(kind):
            await streamed(provider, ASKED)


# -- Who is asked that way -----------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "thinks"),
    [
        ("o3", True),
        ("o4-mini-2025-04-16", True),
        ("ft:o4-mini-2025-04-16:us", True),
        ("gpt-5-mini", True),
        ("gpt-6.1-terra", True),
        ("gpt-12", True),
        ("codex-mini-latest", True),
        ("gpt-5-chat-latest", False),
        ("gpt-4.1", False),
        ("gpt-4o", False),
        ("gpt-oss-120b", False),
        ("omni", False),
    ],
)
def test_openais_models_that_reason_are_known(model: str, thinks: bool) -> None:
    assert reasons(model) is thinks


OWN, OTHER = "http://api.openai.com/v1", "http://x.test/v1"
ASKED_AT = [
    (OWN, "auto", "gpt-5", "responses"),
    (OWN, "auto", "gpt-4.1", "chat/completions"),
    (OWN, "chat", "gpt-5", "chat/completions"),
    (OWN, "responses", "gpt-4.1", "responses"),
    (OWN, "responses", "gpt-5", "responses"),
    ("http://eu.api.openai.com/v1", "auto", "o3", "responses"),
    (OTHER, "auto", "gpt-5", "chat/completions"),
    (OTHER, "responses", "gpt-5", "responses"),
    ("http://openai.com.test/v1", "auto", "gpt-5", "chat/completions"),
    ("http://my-openai.com/v1", "auto", "gpt-5", "chat/completions"),
]


async def body_at(
    url: str, model: str, monkeypatch: pytest.MonkeyPatch, **settings: str
) -> tuple[str, JsonObject]:
    """Return where a model is asked that is told to be at an address, and how."""
    async with WireServer(Fault(status=400)) as server:
        monkeypatch.setenv("http_proxy", server.url)  # which gets all there is to get
        provider = make("openai", base_url=url, api_key=KEY, **settings)
        with pytest.raises(ProviderRequestError):
            await provider.complete(replace(ASKED, model=model, temperature=0.5))
        await provider.close()

    (request,) = server.requests
    return request.path, request.body


@pytest.mark.parametrize(("url", "api", "model", "path"), ASKED_AT)
async def test_openais_models_that_reason_are_asked_for_responses(
    url: str, api: str, model: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_at, body = await body_at(url, model, monkeypatch, api=api)

    own = url.endswith("api.openai.com/v1")
    sealed = own and reasons(model) and path == "responses"
    assert asked_at.endswith(f"/v1/{path}")
    assert body.get("include") == (["reasoning.encrypted_content"] if sealed else None)
    assert ("temperature" in body) == (not (own and reasons(model)))


AZURE = "http://me.openai.azure.com/v1/"
FALSE_AZURE = "http://me.openai.azure.com.test/v1/"


@pytest.mark.parametrize(
    ("url", "api", "model", "path", "known"),
    [
        (AZURE, "responses", "gpt-5", "responses", True),
        (AZURE, "auto", "gpt-5", "chat/completions", True),
        (AZURE, "responses", "my-model", "responses", False),
        (FALSE_AZURE, "responses", "gpt-5", "responses", False),
    ],
)
async def test_openais_models_that_reason_are_known_at_azure(
    url: str,
    api: str,
    model: str,
    path: str,
    known: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked_at, body = await body_at(url, model, monkeypatch, api=api)

    assert asked_at.endswith(f"/v1/{path}")
    assert ("include" in body) is (known and path == "responses")
    assert ("temperature" in body) is not known


async def test_a_stream_of_responses_that_has_no_end_is_none() -> None:
    body = b'data: {"type": "response.output_text.delta", "delta": "Hi"}\n\n'

    async with (
        WireServer(Fault(body=body + b"data: [DONE]\n\n")) as server,
        asking("openai", server, api="responses") as provider,
    ):
        with pytest.raises(ProviderResponseError):
            await streamed(provider, ASKED)
