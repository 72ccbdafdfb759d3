"""The wire server: what it answers, records, and how it fails when told to."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request as Ask
from urllib.request import urlopen

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zg_core.plugin_api import (
    Json,
    JsonObject,
    Message,
    Reasoning,
    Response,
    Text,
    ToolCall,
)
from zg_core.testing.wire import Fault, WireServer, serve_apart
from zg_core.testing.wire.fitting import fitting

if TYPE_CHECKING:
    from openai import AsyncOpenAI

pytestmark = pytest.mark.anyio

OPENAI, ANTHROPIC = "/v1/chat/completions", "/v1/messages"
BODY: JsonObject = {"model": "m", "messages": [{"role": "user", "content": "Hi you"}]}
CALL = ToolCall(call_id="c1", name="look", arguments={"at": 1})


async def post(server: WireServer, path: str, **more: Json) -> tuple[int, bytes]:
    """Post a body, as any HTTP client would."""
    from aiohttp import ClientSession

    async with (
        ClientSession() as session,
        session.post(server.url + path, json=BODY | more) as answer,
    ):
        return answer.status, await answer.read()


@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC])
async def test_it_answers_the_same_to_the_same(path: str) -> None:
    async with WireServer() as server:
        first, second = await post(server, path), await post(server, path)

    assert b"This is the answer to: Hi you" in first[1]
    assert first[1].replace(b'-1"', b'-2"').replace(b'_1"', b'_2"') == second[1]


async def test_it_answers_what_it_is_told_then_its_script_then_as_usual() -> None:
    def script(asked: object) -> str | None:
        return "script" if len(server.requests) == 2 else None

    async with WireServer("told", script=script) as server:
        texts = [json.loads((await post(server, OPENAI))[1]) for _ in range(3)]

    contents = [t["choices"][0]["message"]["content"] for t in texts]
    assert contents == ["told", "script", "This is the answer to: Hi you"]


async def test_it_records_what_it_is_asked() -> None:
    async with WireServer() as server:
        await post(server, OPENAI)
        content = [{"type": "text", "text": "Hi"}, {"type": "image"}]
        messages = [{"role": "user", "content": content}]
        await post(server, ANTHROPIC, stream=True, messages=messages)

    whole, stream = server.requests
    assert (whole.path, whole.streamed, whole.prompt) == (OPENAI, False, "Hi you")
    assert (stream.path, stream.streamed, stream.prompt) == (ANTHROPIC, True, "Hi")
    assert stream.headers["content-type"] == "application/json"
    assert stream.answered


@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC])
async def test_an_error_is_the_vendors_document(path: str) -> None:
    faults = Fault(status=529, message="busy"), Fault(status=400, code="so")

    async with WireServer(*faults) as server:
        (busy, first), (_, second) = await post(server, path), await post(server, path)

    assert busy == 529
    assert json.loads(first)["error"]["message"] == "busy"
    detail = json.loads(second)["error"]
    assert detail["code" if path == OPENAI else "type"] == "so"


async def test_a_body_that_is_no_json_is_refused_and_recorded() -> None:
    from aiohttp import ClientSession

    async with (
        WireServer() as server,
        ClientSession() as session,
        session.post(server.url + OPENAI, data=b"no") as answer,
    ):
        assert answer.status == 400

    assert server.requests[0].body is None
    assert not server.requests[0].model
    assert not server.requests[0].streamed


def client_of(server: WireServer) -> AsyncOpenAI:
    """Have OpenAI's own client, which refuses what is not in OpenAI's format."""
    from openai import AsyncOpenAI

    url = f"{server.url}/v1"
    return AsyncOpenAI(api_key="k", base_url=url, _strict_response_validation=True)


@pytest.mark.parametrize("piece", [None, 3])
async def test_openais_own_client_reads_its_responses(piece: int | None) -> None:
    thought = Reasoning(provider="openai", data={"type": "reasoning", "summary": []})
    parts = (thought, Text(text="Hi you, there."), CALL)
    said = Response(message=Message(role="assistant", parts=parts))

    async with (
        WireServer(said, said, piece=piece) as server,
        client_of(server) as client,
    ):
        whole = await client.responses.create(model="m", input="Hi")
        async with client.responses.stream(model="m", input="Hi") as stream:
            deltas = [e.delta async for e in stream if e.type.endswith("text.delta")]
            streamed = await stream.get_final_response()

    assert streamed.output_text == whole.output_text == "".join(deltas)
    assert [item.type for item in streamed.output] == [i.type for i in whole.output]
    assert streamed.output[2].arguments == '{"at": 1}'


async def test_openais_own_client_reads_its_chat_completions() -> None:
    message = Message(role="assistant", parts=(Text(text="Hi you, there."), CALL))
    said = Response(message=message, stop_reason="tool_calls")
    asked: Any = {"model": "m", "messages": BODY["messages"]}

    async with WireServer(said, said) as server, client_of(server) as client:
        whole = await client.chat.completions.create(**asked)
        async with client.chat.completions.stream(**asked) as stream:
            streamed = await stream.get_final_completion()

    first, second = whole.choices[0].message, streamed.choices[0].message
    assert first.content == second.content == "Hi you, there."
    assert first.tool_calls[0].function.arguments == '{"at": 1}'
    assert second.tool_calls[0].function.arguments == '{"at": 1}'


@pytest.mark.parametrize(
    ("options", "told"),
    [({}, False), ({"include_usage": False}, False), ({"include_usage": True}, True)],
)
async def test_a_stream_tells_the_usage_if_asked_to(
    options: JsonObject, told: bool
) -> None:
    async with WireServer("Hi.") as server:
        _, stream = await post(server, OPENAI, stream=True, stream_options=options)

    *events, _ = stream.decode().strip().split("\n\n")
    documents = [json.loads(event[6:]) for event in events]
    assert [bool(d.get("usage")) for d in documents[-2:]] == [False, told]
    assert all(("usage" in document) is told for document in documents)


async def test_a_stream_comes_in_pieces() -> None:
    message = Message(role="assistant", parts=(CALL,))
    said = Response(message=message, stop_reason="tool_calls")

    async with WireServer(said, piece=3) as server:
        _, stream = await post(server, OPENAI, stream=True)

    *events, done = stream.decode().strip().split("\n\n")
    deltas = [json.loads(e[6:])["choices"] for e in events]
    pieces = [
        c[0]["delta"]["tool_calls"][0]["function"]["arguments"]
        for c in deltas
        if c and "tool_calls" in c[0]["delta"]
    ]
    assert pieces == ["", '{"a', 't":', " 1}"]
    assert done == "data: [DONE]"


# -- Answers that fit a schema -------------------------------------------------------

leaves = st.sampled_from(
    [
        {"type": "string"},
        {"type": "string", "minLength": 60},
        {"type": "string", "maxLength": 5},
        {"type": "integer", "minimum": 7},
        {"type": "number", "exclusiveMinimum": 0.5},
        {"type": "integer", "maximum": -3},
        {"type": "boolean"},
        {"type": "null"},
        {"type": ["integer", "null"]},
        {"enum": ["b", "a"]},
        {"const": 4},
        {"$ref": "#/$defs/it"},
        {},
    ]
)
schemas = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=2).map(lambda some: {"anyOf": some}),
        st.lists(inner, min_size=1, max_size=2).map(lambda some: {"allOf": some[:1]}),
        inner.map(lambda one: {"type": "array", "items": one, "minItems": 2}),
        st.dictionaries(st.sampled_from("abc"), inner).map(
            lambda some: {"type": "object", "properties": some, "required": [*some]}
        ),
    ),
    max_leaves=6,
)


@given(schemas)
def test_a_value_fits_its_schema(schema: JsonObject) -> None:
    whole = schema | {"$defs": {"it": {"type": "string", "maxLength": 2}}}

    jsonschema.validate(fitting(whole), whole)


# -- A process of its own ------------------------------------------------------------


def ask(url: str, body: JsonObject | None = None) -> Json:
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Ask(url, data, {"content-type": "application/json"})) as answer:
        return json.load(answer)


def test_its_count_outlives_its_clients() -> None:
    with serve_apart("--text", "apart", "--latency", "0.01", "--fail", "2:503") as url:
        assert ask(url + ANTHROPIC, BODY)["content"][0]["text"] == "apart"
        with pytest.raises(HTTPError, match="503"):
            ask(url + ANTHROPIC, BODY)
        recorded = ask(url + "/_requests")

    assert [request["number"] for request in recorded] == [1, 2]
    assert recorded[0]["body"] == BODY
    assert recorded[0]["answered"]


def test_it_runs_from_a_shell_until_it_is_interrupted(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "zg_core.testing.wire", "--piece", "4"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        models = ask(f"{url}/v1/models")
        process.send_signal(2)

    assert models["data"][0]["id"] == "wire"
    assert process.returncode == 0
