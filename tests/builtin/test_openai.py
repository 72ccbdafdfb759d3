"""OpenAI's format, on the wire and back; and the servers that speak it too.

One file, since each server is held to the one format.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from importlib import import_module

import pytest
from builtin.vendors import ASKED, KEY, answer, asking, both, make, streamed

from zg_core.plugin_api import (
    Enforcing,
    Image,
    Json,
    JsonObject,
    Message,
    Provider,
    ProviderAuthError,
    ProviderRequestError,
    ProviderResponseError,
    ProviderSpec,
    Reasoning,
    Request,
    Settings,
    Text,
    ToolCall,
    ToolDefinition,
    ToolResult,
    Usage,
)
from zg_core.testing import WireServer
from zg_core.testing.wire import Fault
from zg_plugins_builtin.providers import SPECS, profiles
from zg_plugins_builtin.providers.openai import OpenAIProvider

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
ENFORCED: tuple[JsonObject, ...] = (
    {"$ref": "#/$defs/b"},
    {"enum": ["x"]},
    {"type": ["array", "null"], "items": {"type": "string"}},
    {"type": "string", "format": "date-time"},
)
NOT_ENFORCED: tuple[JsonObject, ...] = (
    {},
    {"description": "Anything."},
    {"$ref": "#/$defs/b", "description": "Another."},
    {"type": "array"},
    {"type": ["array", "null"]},
    {"type": "array", "items": {}},
    {"type": "string", "format": "uri"},
    {"type": ["object", "null"]},
    {"anyOf": [{"type": "string"}, {}]},
)


def of(part: JsonObject) -> JsonObject:
    """Make a schema that all but what one of its properties says lets be enforced."""
    defined = {"b": {"type": "string"}}
    return {"type": "object", "properties": {"a": part}, "$defs": defined} | CLOSED


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
        *((of(part), True) for part in ENFORCED),
        *((of(part), False) for part in NOT_ENFORCED),
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


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("eos", "end"),
        ("tool_calls", "end"),  # without one
        ("model_length", "max_tokens"),
        ("content_filter", "refusal"),
        (None, "end"),
    ],
)
async def test_a_model_stops_for_one_of_our_reasons(
    said: str | None, reason: str
) -> None:
    answer = chat({"content": "Hi."}, finish_reason=said)

    async with WireServer(answer) as server, asking("openai", server) as provider:
        assert (await provider.complete(ASKED)).stop_reason == reason


async def test_a_server_that_says_it_failed_is_believed() -> None:
    answer = chat({"content": "Hi"}, finish_reason="error")

    async with WireServer(answer) as server, asking("openai", server) as provider:
        with pytest.raises(ProviderResponseError):
            await provider.complete(ASKED)


@pytest.mark.parametrize("api", ["chat", "responses"])
async def test_counts_that_cannot_be_are_made_what_they_can(api: str) -> None:
    chat = api == "chat"
    into, out = ("prompt", "completion") if chat else ("input", "output")
    usage = {
        f"{into}_tokens": 5,
        f"{into}_tokens_details": {"cached_tokens": 7, "cache_write_tokens": -1},
        f"{out}_tokens": -3,
        f"{out}_tokens_details": {"reasoning_tokens": 9},
    }
    document = {"choices": [{"message": {"content": ""}}], "output": [], "usage": usage}
    body = Fault(body=json.dumps(document).encode())

    async with (
        WireServer(body) as server,
        asking("openai", server, api=api) as provider,
    ):
        response = await provider.complete(ASKED)

    assert response.usage == Usage(input_tokens=5, cached_input_tokens=5, calls=1)


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


def provider_of(spec: ProviderSpec) -> Provider:
    module, _, name = str(spec.factory).partition(":")
    make = getattr(import_module(module), name)
    provider: Provider = make(Settings("zerogravity"))
    return provider


def test_each_spec_can_be_made() -> None:
    assert [spec.name for spec in SPECS[:2]] == ["openai", "anthropic"]
    for spec in SPECS:
        assert provider_of(spec).info("m").tools


def test_what_runs_here_is_free_and_found_and_what_is_hosted_is_neither() -> None:
    own = {spec.name for spec in profiles.PROFILES if spec.free}

    assert own == {"ollama", "lmstudio", "vllm", "llama-server"}
    for spec in profiles.PROFILES:
        assert (spec.detect is not None) == (spec.name in own)
        assert spec.default_model == ("auto" if spec.name in own else None)


@pytest.mark.parametrize(
    "spec", [s for s in profiles.PROFILES if not s.free], ids=lambda spec: spec.name
)
async def test_a_hosted_service_wants_its_own_key(spec: ProviderSpec) -> None:
    provider = provider_of(spec)

    with pytest.raises(ProviderAuthError) as caught:
        await provider.complete(ASKED)

    assert spec.env[0] in caught.value.remedy


@pytest.mark.parametrize("spec", profiles.PROFILES, ids=lambda spec: spec.name)
def test_a_server_of_ones_own_enforces_no_schema_beside_tools(
    spec: ProviderSpec,
) -> None:
    provider = provider_of(spec)
    alone = replace(ASKED, output_schema={"type": "object"})

    assert isinstance(provider, Enforcing)
    assert provider.enforces(alone)
    assert provider.enforces(replace(alone, tools=TALK.tools)) is not spec.free


def test_a_server_can_be_said_to_enforce_a_schema_beside_tools_or_not() -> None:
    with_tools = replace(TALK, output_schema={"type": "object"})
    newer = profiles.vllm(Settings("b", {"vllm": {"schema_with_tools": True}}))
    other = make("openai", schema_with_tools=False)

    assert newer.enforces(with_tools)
    assert isinstance(other, Enforcing)
    assert not other.enforces(with_tools)


@asynccontextmanager
async def profile(
    make: Callable[[Settings], OpenAIProvider], name: str, server: WireServer
) -> AsyncIterator[OpenAIProvider]:
    """Make the provider of a profile, to ask a server of the test's own."""
    values = {name: {"base_url": f"{server.url}/v1", "api_key": KEY}}
    provider = make(Settings("zerogravity", values))
    yield provider
    await provider.close()


OF_OPENAI = {
    "OPENAI_ORG_ID": "org-canary",
    "OPENAI_PROJECT_ID": "proj-canary",
    "OPENAI_CUSTOM_HEADERS": "Authorization: Bearer sk-canary-other\n"
    "user-agent: canary\nx-stainless-os: canary\nX-Mine: canary",
}


@pytest.mark.parametrize(
    ("make", "name"), [(profiles.groq, "groq"), (profiles.ollama, "ollama")]
)
async def test_what_the_environment_says_to_openai_is_told_to_no_one_else(
    make: Callable[[Settings], OpenAIProvider],
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for variable, value in OF_OPENAI.items():
        monkeypatch.setenv(variable, value)

    async with WireServer() as server, profile(make, name, server) as provider:
        for _ in range(2):  # the first is made by the package, the second like it
            await both(provider, ASKED)
        await provider.complete(Request(model="auto", messages=ASKED.messages))

    assert len(server.requests) == 5
    for request in server.requests:
        assert request.headers["authorization"] == f"Bearer {KEY}"
        assert "canary" not in str(request.headers).replace(KEY, "")


async def test_openai_itself_is_told_what_the_environment_says_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for variable, value in OF_OPENAI.items():
        monkeypatch.setenv(variable, value)

    async with WireServer() as server, asking("openai", server) as provider:
        await provider.complete(ASKED)

    headers = server.requests[0].headers
    assert headers["openai-organization"] == "org-canary"
    assert headers["openai-project"] == "proj-canary"
    assert headers["x-mine"] == "canary"


BILLED = {"prompt_tokens": 9, "completion_tokens": 1}


@pytest.mark.parametrize(
    ("told", "usd"),
    [
        ({"cost": 0.25}, 0.25),
        ({"cost": 0}, 0.0),
        ({"cost": -1}, None),
        ({"cost": "much"}, None),
        ({}, None),
        (
            {
                "cost": 0.25,
                "is_byok": True,
                "cost_details": {"upstream_inference_cost": 2},
            },
            2.25,
        ),
        ({"cost": 0.25, "cost_details": {"upstream_inference_cost": 2}}, 0.25),
    ],
)
async def test_openrouter_says_what_it_charges(
    told: JsonObject, usd: float | None
) -> None:
    said = {"content": "Hi."}
    document = {"choices": [{"message": said, "delta": said}], "usage": BILLED | told}
    whole = Fault(body=json.dumps(document).encode())
    stream = Fault(body=b"data: %b\n\ndata: [DONE]\n\n" % json.dumps(document).encode())

    async with (
        WireServer(whole, stream) as server,
        profile(profiles.openrouter, "openrouter", server) as provider,
    ):
        responses = await both(provider, ASKED)

    assert [response.cost_usd for response in responses] == [usd, usd]


async def test_deepseek_hears_again_what_its_model_thought() -> None:
    message = {"reasoning_content": "Hm.", "content": "I look.", "tool_calls": []}
    message["tool_calls"] = [{"id": "c1", "function": {"name": "look"}}]
    whole = {"choices": [{"message": message}]}
    thought = {"choices": [{"delta": {"reasoning_content": "H"}}]}
    rest = {"choices": [{"delta": message | {"reasoning_content": "m."}}]}
    stream = b"".join(b"data: %b\n\n" % json.dumps(e).encode() for e in (thought, rest))
    answers = [
        Fault(body=json.dumps(whole).encode()),
        Fault(body=stream + b"data: [DONE]\n\n"),
    ]

    async with (
        WireServer(*answers) as server,
        profile(profiles.deepseek, "deepseek", server) as provider,
        asking("openai", server) as other,
    ):
        first, second = await both(provider, ASKED)
        go_on = Request(model="m", messages=(*ASKED.messages, first.message))
        await provider.complete(go_on)
        await other.complete(go_on)

    assert first.message == second.message
    assert first.text == "I look."
    told, not_told = (r.body["messages"][-1] for r in server.requests[2:])
    assert told["reasoning_content"] == "Hm."
    assert not_told == {k: told[k] for k in told if k != "reasoning_content"}


TOLD = {"id": None, "format": "google-gemini-v1"}
SEEN = {"type": "reasoning.text", "text": "Hm. So.", "signature": "s", "index": 0}
SEALED = {"type": "reasoning.encrypted", "data": "gAAAB", "id": "c1", "index": 0}
OTHER = {"type": "reasoning.summary", "summary": "I look.", "index": 1}
DETAILS = [TOLD | SEEN, TOLD | SEALED, TOLD | SEALED | {"id": "c2"}, TOLD | OTHER]
STREAMED = (
    [TOLD | SEEN | {"text": "Hm.", "signature": None}],
    [{"type": "reasoning.text", "text": " So.", "index": 0}],
    [],
    [{"type": "reasoning.text", "signature": "s", "index": 0}, *DETAILS[1:3]],
    [TOLD | OTHER | {"summary": "I "}, TOLD | OTHER | {"summary": "look."}],
)


async def test_openrouter_hears_again_what_its_models_thought() -> None:
    call = {"id": "c1", "function": {"name": "look", "arguments": "{}"}}
    message = {"content": None, "reasoning_details": DETAILS, "tool_calls": [call]}
    deltas = [{"reasoning_details": part} for part in STREAMED]
    events = [{"choices": [{"delta": d}]} for d in [*deltas, {"tool_calls": [call]}]]
    stream = b"".join(b"data: %b\n\n" % json.dumps(e).encode() for e in events)
    answers = [chat(message), Fault(body=stream + b"data: [DONE]\n\n")]

    async with (
        WireServer(*answers) as server,
        profile(profiles.openrouter, "openrouter", server) as provider,
        profile(profiles.deepseek, "deepseek", server) as other,
    ):
        first, second = await both(provider, ASKED)
        go_on = Request(model="m", messages=(*ASKED.messages, first.message))
        await provider.complete(go_on)
        await other.complete(go_on)

    assert first.message == second.message
    told, not_told = (r.body["messages"][-1] for r in server.requests[2:])
    assert told["reasoning_details"] == DETAILS
    assert "reasoning_details" not in not_told


async def test_mistral_is_sent_no_field_that_it_refuses() -> None:
    async with (
        WireServer() as server,
        profile(profiles.mistral, "mistral", server) as provider,
    ):
        await streamed(provider, ASKED)

    assert server.requests[0].body.keys() == {"model", "messages", "stream"}


@pytest.mark.parametrize("call_id", ["call_aX9f2b", "aX9f2bQ01"])
async def test_mistral_is_told_of_calls_by_ids_like_its_own(call_id: str) -> None:
    wish = ToolCall(call_id=call_id, name="look", arguments={})
    result = ToolResult(call_id=call_id, output="it")
    talk = (Message(role="assistant", parts=(wish,)), Message.tool(result))
    go_on = Request(model="m", messages=(*ASKED.messages, *talk))

    async with (
        WireServer() as server,
        profile(profiles.mistral, "mistral", server) as provider,
    ):
        await provider.complete(go_on)

    called, answered = server.requests[0].body["messages"][-2:]
    (told,) = called["tool_calls"]
    assert told["id"] == answered["tool_call_id"]
    assert re.fullmatch("[a-zA-Z0-9]{9}", told["id"])
    assert (told["id"] == call_id) is (len(call_id) == 9)


async def test_what_a_server_does_unlike_others_can_be_set() -> None:
    odd = {"max_tokens_field": "n", "stream_usage": False, "temperature": False}
    asked = replace(ASKED, max_output_tokens=3, temperature=0.1)

    async with (
        WireServer() as server,
        asking("openai", server, **odd) as provider,
    ):
        await streamed(provider, asked)

    said = server.requests[0].body
    assert said.keys() == {"model", "messages", "stream", "n"}


async def test_answers_in_parallel_calls_keep_their_order() -> None:
    calls = [ToolCall(call_id=f"c{i}", name="f", arguments={"i": i}) for i in range(12)]
    said = answer(*calls, stop_reason="tool_calls")

    async with WireServer(said, said) as server, asking("openai", server) as provider:
        for response in await both(provider, ASKED):
            assert response.message.tool_calls == tuple(calls)


ONE, TWO, NAMED = {"arguments": '{"a": 1}'}, {"arguments": '{"a": 2}'}, {"name": "f"}


@pytest.mark.parametrize(
    ("pieces", "wanted"),
    [
        ([NAMED | ONE, NAMED | TWO], [{"a": 1}, {"a": 2}]),
        ([NAMED, ONE, NAMED, TWO], [{"a": 1}, {"a": 2}]),
        ([NAMED | {"arguments": '{"a":'}, NAMED | {"arguments": " 1}"}], [{"a": 1}]),
        ([NAMED | ONE, NAMED | {"arguments": ""}], [{"a": 1}]),
        ([NAMED | ONE, NAMED | {"arguments": "\n"}, NAMED | TWO], [{"a": 1}, {"a": 2}]),
    ],
)
async def test_streamed_calls_that_only_their_arguments_tell_apart(
    pieces: list[JsonObject], wanted: list[JsonObject]
) -> None:
    deltas = [{"tool_calls": [{"index": 0, "function": piece}]} for piece in pieces]
    events = [{"choices": [{"delta": delta}]} for delta in deltas]
    stream = b"".join(b"data: %b\n\n" % json.dumps(e).encode() for e in events)

    async with (
        WireServer(Fault(body=stream + b"data: [DONE]\n\n")) as server,
        asking("openai", server) as provider,
    ):
        _, response = await streamed(provider, ASKED)

    calls = response.message.tool_calls
    assert [(call.name, call.arguments) for call in calls] == [("f", a) for a in wanted]
    assert len({call.call_id for call in calls}) == len(wanted)


@pytest.mark.parametrize(
    ("message", "setting"),
    [
        ("unknown field stream_options", "stream_usage = false"),
        (
            "Unsupported parameter: 'max_tokens' is not supported with this model."
            " Use 'max_completion_tokens' instead.",
            'max_tokens_field = "max_completion_tokens"',
        ),
        ("body.response_format: Extra inputs are not permitted", "output_schema"),
    ],
)
async def test_a_field_that_a_server_refuses_can_be_switched_off(
    message: str, setting: str
) -> None:
    refusal = Fault(status=422, message=message)

    async with (
        WireServer(refusal, refusal, Fault(status=400)) as server,
        asking("openai", server) as provider,
    ):
        for ask in (provider.complete(ASKED), streamed(provider, ASKED)):
            with pytest.raises(ProviderRequestError) as caught:
                await ask
            assert setting in caught.value.remedy
            assert "[plugins.config.builtin.openai]" in caught.value.remedy
        with pytest.raises(ProviderRequestError) as caught:
            await provider.complete(ASKED)

    assert "plugins.config" not in caught.value.remedy


# -- Images --------------------------------------------------------------------------

PIXEL = Image.of(
    b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9"
        "awAAAABJRU5ErkJggg=="
    )
)
SHOWN = Message(role="user", parts=(Text(text="This:"), PIXEL, Text(text="What?")))


@pytest.mark.parametrize(
    ("api", "where", "text", "image"),
    [
        ("chat", "messages", {"type": "text"}, {"type": "image_url"}),
        ("responses", "input", {"type": "input_text"}, {"type": "input_image"}),
    ],
)
async def test_images_are_shown_where_they_stand(
    api: str, where: str, text: JsonObject, image: JsonObject
) -> None:
    url = f"data:image/png;base64,{PIXEL.data}"
    link = {"url": url} if api == "chat" else url
    more = {} if api == "chat" else {"detail": "auto"}

    async with WireServer() as server, asking("openai", server, api=api) as provider:
        await provider.complete(Request(model="m", messages=(SHOWN,)))

    (said,) = server.requests[0].body[where]
    assert said["content"] == [
        text | {"text": "This:"},
        image | {"image_url": link} | more,
        text | {"text": "What?"},
    ]


def test_an_image_is_not_estimated_by_the_size_of_its_file() -> None:
    small = Request(model="m", messages=(SHOWN,))
    large = Image(media_type="image/png", data="A" * 5_000_000)
    message = Message.user("What?", large, large)

    assert make("openai").estimate(small) > len(PIXEL.data)
    assert (
        100_000 < make("openai").estimate(replace(small, messages=(message,))) < 110_000
    )


async def test_thoughts_of_other_vendors_are_passed_over() -> None:
    sealed = Reasoning(provider="anthropic", data={"type": "thinking"})
    said = Message(role="assistant", parts=(sealed, Text(text="So.")))
    asked = Request(model="m", messages=(*ASKED.messages, said))

    async with WireServer() as server:
        for api in ("chat", "responses"):
            async with asking("openai", server, api=api) as provider:
                await provider.complete(asked)

    chat, responses = (request.body for request in server.requests)
    assert chat["messages"][1:] == [{"role": "assistant", "content": "So."}]
    assert responses["input"][1:] == [{"role": "assistant", "content": "So."}]
