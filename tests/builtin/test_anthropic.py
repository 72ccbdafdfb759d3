"""Anthropic's format, on the wire and back.

One file, since both directions are of one format.
"""

from __future__ import annotations

import json
import re

import pytest
from builtin.vendors import ASKED, KEY, VENDORS, answer, asking, both, make, streamed
from offering import Offering, flow

import zg_core as zg
from zg_core.plugin_api import (
    ConfigError,
    Enforcing,
    Image,
    JsonObject,
    Message,
    ProviderRequestError,
    Reasoning,
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
        "cache_control": {"type": "ephemeral"},
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


NAMED = {"type": "object", "properties": {"a": {"type": "string"}}}
TREE = {"type": "object", "properties": {"in": {"$ref": "#/$defs/t"}}}
MAYBE = {"anyOf": [{"type": "string"}, {"type": "null"}]}


def wide(count: int, schema: JsonObject, required: bool = False) -> JsonObject:
    """Make the schema of an object with so many properties."""
    names = [f"p{number}" for number in range(count)]
    shape = {"type": "object", "properties": dict.fromkeys(names, schema)}
    return shape | {"required": names if required else []}


@pytest.mark.parametrize(
    "schema",
    [
        NAMED,
        NAMED | {"additionalProperties": False, "required": ["a"], "title": "A"},
        {"type": "object", "additionalProperties": False},
        {"type": "array", "items": NAMED, "minItems": 2},
        {"type": ["string", "null"], "enum": ["a", None]},
        {"const": 1},
        MAYBE,
        {"oneOf": [NAMED, {"type": "null"}], "discriminator": {"propertyName": "a"}},
        {"$ref": "#/$defs/n", "description": "it", "$defs": {"n": NAMED}},
        {"$schema": "https://json-schema.org/draft/2020-12/schema"} | NAMED,
        wide(24, {"type": "string"}),
        wide(16, MAYBE, required=True),
    ],
)
def test_a_schema_that_says_all_it_allows_is_enforced(schema: JsonObject) -> None:
    asked = Request(model="m", messages=ASKED.messages, output_schema=schema)
    provider = make("anthropic")

    assert isinstance(provider, Enforcing)
    assert provider.enforces(asked)


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"title": "anything"},
        {"type": ["string", "null"]},
        {"type": "thing"},
        {"type": "object"},
        {"type": "object", "properties": {}},
        {"type": "object", "additionalProperties": {"type": "integer"}},
        NAMED | {"additionalProperties": True},
        NAMED | {"patternProperties": {"^b": NAMED}},
        NAMED | {"required": ["b"]},
        NAMED | {"properties": {"a": True}},
        NAMED | {"anyOf": [NAMED]},
        NAMED | {"allOf": [NAMED]},
        NAMED | {"description": 1},
        NAMED | {"properties": {"a": {"type": "string", "format": ["uri"]}}},
        {"type": "array"},
        {"type": "array", "items": False, "prefixItems": [NAMED]},
        {"type": "array", "items": {}},
        {"type": "object", "properties": {"a": {"type": "object"}}},
        {"enum": [[1]]},
        {"enum": []},
        {"anyOf": []},
        {"const": {"a": 1}},
        {"$ref": "#"},
        {"$ref": "#/$defs/m", "$defs": {"n": NAMED}},
        {"$ref": "#/definitions/n", "definitions": {"n": NAMED}},
        {"$ref": "#/$defs/t", "$defs": {"t": TREE}},
        NAMED | {"$defs": {"n": {"type": "object"}}},
        wide(25, {"type": "string"}),
        wide(17, MAYBE, required=True),
    ],
)
def test_a_schema_that_would_shut_out_what_it_allows_is_not_enforced(
    schema: JsonObject,
) -> None:
    asked = Request(model="m", messages=ASKED.messages, output_schema=schema)
    provider = make("anthropic")

    assert isinstance(provider, Enforcing)
    assert not provider.enforces(asked)


async def test_counts_by_name_are_asked_for_by_a_tool() -> None:
    counted = ToolCall(call_id="c1", name="answer", arguments={"a": 1})
    said = answer(counted, stop_reason="tool_calls")
    found: list[zg.Response] = []

    async def agent(ctx: zg.Context) -> zg.Reply:
        asked = [Message.user("Count the letters.")]
        found.append(await ctx.complete(asked, output_schema=dict[str, int]))
        return zg.Reply(output=None)

    async with WireServer(said) as server:
        values = {"base_url": server.url, "api_key": KEY}
        config = zg.Config(plugins_config={"builtin": {"anthropic": values}})
        async with zg.Engine.open(
            Offering(a=agent), config=config, journal="memory", discover=()
        ) as engine:
            options = zg.RunOptions(model="anthropic:m")
            await engine.run(flow("a"), "x", options=options)

    assert found[0].data == {"a": 1}
    (asked,) = (request.body for request in server.requests)
    assert "output_config" not in asked
    assert [tool["name"] for tool in asked["tools"]] == ["answer"]


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


THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
SEALED = {"type": "redacted_thinking", "data": "c2VhbGVk"}


async def body_of(asked: Request, **values: object) -> JsonObject:
    """Return what is sent for a request."""
    async with (
        WireServer() as server,
        asking("anthropic", server, **values) as provider,
    ):
        await provider.complete(asked)
    body: JsonObject = server.requests[0].body
    return body


async def test_thoughts_are_kept_and_handed_back_word_for_word() -> None:
    blocks = [
        THOUGHT,
        SEALED,
        {"type": "thinking", "thinking": "cut off", "signature": ""},
        {"type": "text", "text": "I look."},
        {"type": "tool_use", "id": "c1", "name": "look", "input": {"at": "it"}},
        {"type": "server_tool_use", "id": "c9", "name": "web", "input": {}},
    ]
    reply = Fault(body=json.dumps({"content": blocks}).encode())

    async with WireServer(reply) as server, asking("anthropic", server) as provider:
        said = (await provider.complete(ASKED)).message
        results = Message.tool(ToolResult(call_id="c1", output="it"))
        talk = (*ASKED.messages, said, results)
        await provider.complete(Request(model="m", messages=talk))

    assert said.parts[:2] == (
        Reasoning(provider="anthropic", data=THOUGHT),
        Reasoning(provider="anthropic", data=SEALED),
    )
    handed_back = server.requests[1].body["messages"][1]
    assert handed_back == {"role": "assistant", "content": blocks[:2] + blocks[3:5]}


async def test_what_one_side_says_is_one_message_and_results_come_first() -> None:
    talk = (
        Message.user("Look."),
        Message(role="assistant", parts=(CALL,)),
        Message(role="assistant", parts=(Reasoning(provider="else", data={}),)),
        Message.user("Hurry."),
        Message.tool(ToolResult(call_id="c1", output="it")),
        Message.user("So?"),
    )

    sent = (await body_of(Request(model="m", messages=talk)))["messages"]

    assert [message["role"] for message in sent] == ["user", "assistant", "user"]
    kinds = [block["type"] for block in sent[-1]["content"]]
    assert kinds == ["tool_result", "text", "text"]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ([THOUGHT, SEALED], []),
        ([THOUGHT, {"type": "text", "text": " \n"}, SEALED], []),
        (
            [THOUGHT, {"type": "text", "text": "So."}, SEALED],
            [THOUGHT, {"type": "text", "text": "So."}],
        ),
    ],
)
async def test_a_thought_that_led_to_nothing_is_not_handed_back(
    said: list[JsonObject], kept: list[JsonObject]
) -> None:
    reply = Fault(
        body=json.dumps({"content": said, "stop_reason": "end_turn"}).encode()
    )

    async with WireServer(reply) as server, asking("anthropic", server) as provider:
        thought = (await provider.complete(ASKED)).message
        talk = (*ASKED.messages, thought, Message.user("So?"))
        await provider.complete(Request(model="m", messages=talk))

    sent = server.requests[1].body["messages"]
    assert [m["content"] for m in sent if m["role"] == "assistant"] == (
        [kept] if kept else []
    )
    assert [message["role"] for message in sent] == (
        ["user", "assistant", "user"] if kept else ["user"]
    )


@pytest.mark.parametrize(
    "ids", [("call_0", "call_0"), ("functions.look:0", "functions.look:1"), ("", "é")]
)
async def test_calls_of_another_vendor_are_handed_on_with_ids_that_fit(
    ids: tuple[str, str],
) -> None:
    talk = [Message.user("Look twice.")]
    for number, call_id in enumerate(ids):
        wish = ToolCall(call_id=call_id, name="look", arguments={"at": number})
        result = ToolResult(call_id=call_id, output=f"saw {number}")
        talk += [Message(role="assistant", parts=(wish,)), Message.tool(result)]

    sent = (await body_of(Request(model="m", messages=tuple(talk))))["messages"]

    blocks = [block for message in sent for block in message["content"]]
    calls = {b["id"]: b["input"]["at"] for b in blocks if b["type"] == "tool_use"}
    results = {
        block["tool_use_id"]: block["content"]
        for block in blocks
        if block["type"] == "tool_result"
    }
    assert all(re.fullmatch("[a-zA-Z0-9_-]+", call_id) for call_id in calls)
    assert results == {call_id: f"saw {at}" for call_id, at in calls.items()}
    assert len(calls) == 2


async def test_an_image_is_sent_as_it_is() -> None:
    image = Image.of(b"\xff\xd8\xff and so on")
    shown = Request(model="m", messages=(Message.user("What is it?", image),))

    [message] = (await body_of(shown))["messages"]

    source = {"type": "base64", "media_type": "image/jpeg", "data": image.data}
    assert message["content"] == [
        {"type": "image", "source": source},
        {"type": "text", "text": "What is it?"},
    ]


TOOL = ToolDefinition(name="look", description="Looks.", parameters={})
LOOKED = Message.tool(ToolResult(call_id="c1", output="it"))
IDLE = Message(role="assistant", parts=(Reasoning(provider="anthropic", data=THOUGHT),))
LOOP = (Message.user("hi"), Message(role="assistant", parts=(CALL,)))


@pytest.mark.parametrize(
    ("setting", "asked", "cached"),
    [
        ("auto", ASKED, False),
        ("auto", Request(model="m", messages=ASKED.messages, tools=(TOOL,)), True),
        ("auto", Request(model="m", messages=LOOP), True),
        ("always", ASKED, True),
        ("never", Request(model="m", messages=LOOP), False),
    ],
)
async def test_a_prompt_is_cached_where_its_beginning_is_sent_again(
    setting: str, asked: Request, cached: bool
) -> None:
    body = await body_of(asked, prompt_cache=setting)

    assert body.get("cache_control") == ({"type": "ephemeral"} if cached else None)


@pytest.mark.parametrize(
    ("asked", "budget"),
    [
        (ASKED, 4096),
        (Request(model="m", messages=ASKED.messages, max_output_tokens=2000), 1999),
        (Request(model="m", messages=ASKED.messages, max_output_tokens=900), None),
        (Request(model="m", messages=LOOP), None),
        (Request(model="m", messages=(*LOOP, LOOKED, IDLE, *ASKED.messages)), None),
    ],
)
async def test_a_model_thinks_as_long_as_it_may(
    asked: Request, budget: int | None
) -> None:
    body = await body_of(asked, thinking_tokens=4096)

    thinking = {"type": "enabled", "budget_tokens": budget}
    assert body.get("thinking") == (thinking if budget else None)


@pytest.mark.parametrize("asked", [ASKED, Request(model="m", messages=LOOP)])
@pytest.mark.parametrize(
    ("setting", "sent"), [("adaptive", "adaptive"), ("off", "disabled")]
)
async def test_a_model_thinks_as_it_sees_fit_or_not_at_all(
    asked: Request, setting: str, sent: str
) -> None:
    body = await body_of(asked, thinking=setting)

    assert body["thinking"] == {"type": sent}


async def test_an_effort_stands_beside_the_schema_of_an_answer() -> None:
    asked = Request(model="m", messages=ASKED.messages, output_schema={"const": 1})

    config = (await body_of(asked, effort="xhigh"))["output_config"]
    form = {"type": "json_schema", "schema": {"const": 1}}
    assert config == {"effort": "xhigh", "format": form}
    assert (await body_of(ASKED, effort="low"))["output_config"] == {"effort": "low"}


ADAPTIVE_ONLY = (
    '"thinking.type.{}" is not supported for this model. Use "thinking.type.adaptive" '
    'and "output_config.effort" to control thinking behavior.'
)


@pytest.mark.parametrize("way", ["complete", "stream"])
@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        (ADAPTIVE_ONLY.format("enabled"), 'set thinking = "adaptive", not thinking_t'),
        (ADAPTIVE_ONLY.format("disabled"), 'set effort = "low", not thinking = "off"'),
        (
            "adaptive thinking is not supported on this model",
            "set thinking_tokens = 4096, not thinking,",
        ),
        (
            "This model does not support the effort parameter.",
            "set another effort, or none",
        ),
        (
            "output_config.format: Extra inputs are not permitted",
            "set output_schema = false",
        ),
        ("Schema is too complex.", "set output_schema = false"),
    ],
)
async def test_what_a_model_refuses_names_the_setting_that_helps(
    way: str, said: str, remedy: str
) -> None:
    detail = {"type": "invalid_request_error", "message": said}
    body = json.dumps({"type": "error", "error": detail}).encode()

    async with (
        WireServer(Fault(status=400, body=body)) as server,
        asking("anthropic", server) as provider,
    ):
        with pytest.raises(ProviderRequestError) as raised:
            if way == "complete":
                await provider.complete(ASKED)
            else:
                await streamed(provider, ASKED)

    assert said[:200] in raised.value.cause
    assert raised.value.remedy is not None
    assert raised.value.remedy.startswith(remedy)
    assert "[plugins.config.builtin.anthropic]" in raised.value.remedy
    assert raised.value.status == 400


def test_a_model_is_told_in_one_way_how_to_think() -> None:
    with pytest.raises(ConfigError, match="both thinking and thinking_tokens"):
        make("anthropic", thinking="off", thinking_tokens=2048)


@pytest.mark.parametrize(
    ("reason", "meant"),
    [
        ("end_turn", "end"),
        ("stop_sequence", "end"),
        ("tool_use", "tool_calls"),
        ("max_tokens", "max_tokens"),
        ("model_context_window_exceeded", "max_tokens"),
        ("refusal", "refusal"),
        ("pause_turn", "other"),
        ("something_new", "other"),
    ],
)
async def test_each_reason_to_stop_has_its_word(reason: str, meant: str) -> None:
    reply = Fault(body=json.dumps({"content": [], "stop_reason": reason}).encode())

    async with WireServer(reply) as server, asking("anthropic", server) as provider:
        assert (await provider.complete(ASKED)).stop_reason == meant


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("effort", "none"),
        ("prompt_cache", "sometimes"),
        ("thinking", "enabled"),
        ("thinking_tokens", 1023),
    ],
)
def test_a_setting_that_does_not_fit_is_refused(key: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"{key} of the provider anthropic must be"):
        make("anthropic", **{key: value})


@pytest.mark.parametrize("text", ["", "Hello. ", "€" * 500, "a\nb" * 200, "\ud800"])
def test_an_estimate_is_never_too_low(text: str) -> None:
    asked = Request(model="m", messages=(Message.user(text),), output_schema={"a": {}})

    assert make("anthropic").estimate(asked) > len(text.encode(errors="replace"))


def test_an_image_is_not_estimated_by_the_size_of_its_file() -> None:
    large = Image(media_type="image/png", data="A" * 5_000_000)
    shown = Message.user("What are these?", large, large)
    asked = Request(model="m", messages=(shown,))

    assert 100_000 < make("anthropic").estimate(asked) < 110_000


@pytest.mark.parametrize("vendor", VENDORS)
def test_an_image_that_is_not_sent_takes_nothing_off_an_estimate(vendor: str) -> None:
    large = Image(media_type="image/png", data="A" * 5_000_000)
    unseen = Message(role="system", parts=(large, Text(text="Be brief.")))
    if vendor == "openai":
        unseen = Message(role="tool", parts=(large,))
    asked = Request(model="m", messages=(unseen, Message.user("x" * 9_000)))

    assert make(vendor).estimate(asked) > 9_000


@pytest.mark.parametrize("letter", ["\x7f", "\x80", "'", '"', "\\", "é", "\U0010ffff"])
@pytest.mark.parametrize("deep", [False, True])
async def test_an_estimate_counts_the_words_a_schema_is_sent_in(
    letter: str, deep: bool
) -> None:
    text = letter * 5_000
    schema = {"type": "string", "default": [text] if deep else text}
    asked = Request(model="m", messages=ASKED.messages, output_schema=schema)

    sent = json.dumps(await body_of(asked), ensure_ascii=False).encode()
    assert make("anthropic").estimate(asked) >= len(sent)
