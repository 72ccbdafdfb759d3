"""Law: a stream says what a whole answer says, however it reaches us.

Of OpenAI's formats, chat completions and responses.
"""

from __future__ import annotations

import json
import random
from dataclasses import replace
from functools import partial
from typing import Any

import anyio
import pytest
from builtin.vendors import ASKED, KEY, make, streamed
from hypothesis import given, settings
from hypothesis import strategies as st
from laws.exchanges import Format, calls, noisy, replaying, responses, sse, texts
from laws.strategies import unhurried

from zg_core.plugin_api import JsonObject, ProviderError, Reasoning, Response, ToolCall
from zg_core.testing.wire.formats import FORMATS

PATHS: dict[Format, str] = {
    "openai": "/v1/chat/completions",
    "responses": "/v1/responses",
}
APIS: dict[Format, str] = {"openai": "chat", "responses": "responses"}
formats = pytest.mark.parametrize("vendor", PATHS)
few = settings(unhurried, max_examples=25)
fewest = settings(unhurried, max_examples=10)


async def answers(
    vendor: Format, whole: bytes, pieces: list[bytes], **quirks: str
) -> list[Any]:
    """Ask for a whole answer, then for a stream; return both, or their errors."""
    found: list[Any] = []
    async with replaying([whole], pieces) as url:
        values = {"base_url": f"{url}/v1", "api_key": KEY, "api": APIS[vendor]}
        provider = make("openai", **values, **quirks)
        for ask in (provider.complete, lambda asked: streamed(provider, asked)):
            try:
                found.append(await ask(ASKED))
            except ProviderError as error:
                found.append((type(error), error.status, error.request_id))
        await provider.close()
    return found


def both(vendor: Format, whole: JsonObject, pieces: list[bytes]) -> list[Any]:
    return anyio.run(answers, vendor, json.dumps(whole).encode(), pieces)


@formats
@few
@given(data=st.data(), piece=st.sampled_from([None, 1, 7]))
def test_a_stream_says_what_a_whole_answer_says(
    vendor: Format, data: st.DataObject, piece: int | None
) -> None:
    said = data.draw(responses(vendor))
    wire = FORMATS[PATHS[vendor]]
    pieces = data.draw(noisy(wire.events(said, 1, piece)))

    whole, (text, response) = both(vendor, wire.document(said, 1), pieces)

    assert response == whole == said
    assert text == said.text


ERRORS = st.fixed_dictionaries(
    {
        "message": st.sampled_from(["no", "the maximum context length is 9 tokens"]),
        "code": st.sampled_from([None, "rate_limit_exceeded", "server_error", 401]),
    }
)


@formats
@few
@given(data=st.data(), error=ERRORS)
def test_a_stream_fails_as_a_whole_answer_fails(
    vendor: Format, data: st.DataObject, error: JsonObject
) -> None:
    said = data.draw(responses(vendor))
    *begun, _ = FORMATS[PATHS[vendor]].events(said, 1, None)
    begun = begun[: data.draw(st.integers(0, len(begun)))]
    document = {"error": error}
    failed = [document]
    if vendor == "responses":
        document = {"status": "failed", "output": [], "error": error}
        failed = [
            {"type": "response.failed", "response": document},
            {"type": "error", "sequence_number": 3, **error},
        ]
    blocks = begun + sse(data.draw(st.sampled_from(failed)))

    whole, stream = both(vendor, document, data.draw(noisy(blocks)))

    assert stream == whole
    assert issubclass(whole[0], ProviderError)


# -- Tool calls, as servers of OpenAI's chat completions stream them ------------------


def written(call: ToolCall) -> str:
    return call.arguments.get("", "") or json.dumps(call.arguments)


def pieces_of(call: ToolCall, index: int, manner: str) -> list[JsonObject]:
    """Return the pieces of a call in the manner of one server or another."""
    at = {} if manner == "no index" else {"index": index}
    name, text, named = {"name": call.name}, written(call), {"id": call.call_id}
    if manner == "whole, all of one index":
        return [{"index": 0, **named, "function": name | {"arguments": text}}]
    if manner == "whole, all of one index, no ids":
        return [{"index": 0, "function": name | {"arguments": text}}]
    if manner == "objects" and "" not in call.arguments:
        return [at | named | {"function": name | {"arguments": call.arguments}}]
    middle = len(text) // 2
    first, second = (
        at | {"function": {"arguments": part}}
        for part in (text[:middle], text[middle:])
    )
    if manner == "all of one index, no ids":
        return [{**part, "index": 0} for part in ({"function": name}, first, second)]
    if manner == "all of one index, no ids, named again":
        return [
            {"index": 0, "function": name | part["function"]}
            for part in (first, second, {"function": {"arguments": ""}})
        ]
    if manner == "late ids":
        return [at | {"function": name}, first, at | named, second]
    if manner == "an id for each piece":
        begin = at | named | {"function": name}
        return [begin, first | {"id": "x1"}, second | {"id": "x2"}]
    return [at | named | {"type": "function", "function": name}, first, second]


MANNERS = (
    "as OpenAI",
    "interleaved",
    "late ids",
    "an id for each piece",
    "objects",
    "no index",
    "whole, all of one index",
    "whole, all of one index, no ids",
    "all of one index, no ids",
    "all of one index, no ids, named again",
)


@pytest.mark.parametrize("manner", MANNERS)
@fewest
@given(data=st.data(), seed=st.integers(0, 2**32))
def test_streamed_calls_are_understood_in_any_manner(
    manner: str, data: st.DataObject, seed: int
) -> None:
    wanted = data.draw(calls("openai"))
    if "no ids" in manner:  # where a call ends with its arguments, if they can end
        ended = (call for call in wanted if "" not in call.arguments)
        wanted = [replace(c, call_id=f"call_{i}") for i, c in enumerate(ended)]
    queues = [pieces_of(call, i, manner) for i, call in enumerate(wanted)]
    mixed = manner in ("interleaved", "late ids", "an id for each piece", "objects")
    chance = random.Random(seed)
    parts = []
    while queues := [queue for queue in queues if queue]:
        parts.append((chance.choice(queues) if mixed else queues[0]).pop(0))
    deltas = [{"tool_calls": [part]} for part in parts]
    empty: list[JsonObject] = [{}, {"content": None}, {"role": "assistant"}]
    events = [
        {"choices": [{"delta": d}], "usage": {"prompt_tokens": n, "extra": None}}
        for n, d in enumerate([*empty, *deltas, {"content": ""}], start=1)
    ]
    usage = {"prompt_tokens": 99, "completion_tokens": 1}
    events += [{"choices": [], "usage": usage}]
    pieces = data.draw(noisy([*sse(*events), b"data: [DONE]\n\n"]))
    message = {
        "tool_calls": [
            {"id": c.call_id, "function": {"name": c.name, "arguments": written(c)}}
            for c in wanted
        ]
    }
    document = {"choices": [{"message": message}], "usage": usage}

    whole, (_, response) = both("openai", document, pieces)

    assert isinstance(whole, Response)
    assert response == whole
    assert list(whole.message.tool_calls) == wanted


# -- What a model thought, as OpenRouter streams it -----------------------------------


@st.composite
def thoughts(draw: st.DrawFn) -> tuple[list[JsonObject], list[JsonObject]]:
    """Draw entries, each of its own index, and the same in pieces."""
    entries: list[JsonObject] = []
    pieces: list[JsonObject] = []
    for index, key in enumerate(draw(st.lists(st.sampled_from(KEYS), max_size=5))):
        said = draw(st.lists(texts, min_size=1, max_size=1 if key == "data" else 4))
        entry = {"type": KINDS[key], "index": index, "id": draw(IDS), "format": "f"}
        sign = draw(st.sampled_from([{}, {"signature": "s"}]))
        entries.append(entry | sign | {key: "".join(said)})
        pieces += [entry | {key: text} for text in said]
        pieces[-1] |= sign
    return entries, pieces


KINDS = {
    "text": "reasoning.text",
    "summary": "reasoning.summary",
    "data": "reasoning.encrypted",
}
KEYS = tuple(KINDS)
IDS = st.sampled_from([None, "a", "b"])


@few
@given(drawn=thoughts())
def test_streamed_thoughts_are_those_of_a_whole_answer(
    drawn: tuple[list[JsonObject], list[JsonObject]],
) -> None:
    entries, pieces = drawn
    deltas = [{"reasoning_details": [piece]} for piece in pieces]
    events = [{"choices": [{"delta": delta}]} for delta in [*deltas, {"content": "a"}]]
    message = {"content": "a", "reasoning_details": entries}
    whole = json.dumps({"choices": [{"message": message}]}).encode()

    first, (_, second) = anyio.run(
        partial(answers, reasoning_field="reasoning_details"),
        "openai",
        whole,
        [*sse(*events), b"data: [DONE]\n\n"],
    )

    assert first == second
    found = [p.data for p in first.message.parts if isinstance(p, Reasoning)]
    assert found == ([{"reasoning_details": entries}] if entries else [])
