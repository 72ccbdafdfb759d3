"""The law of Anthropic: the pieces of a stream say what a whole answer does.

The events are written here as the API's reference has them, apart from the shipped
server, which is told answers in our own words and cannot say all that a vendor may.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import anyio
from builtin.vendors import ASKED, asking, streamed
from hypothesis import given
from hypothesis import strategies as st

from zg_core.plugin_api import JsonObject
from zg_core.testing import WireServer
from zg_core.testing.wire import Fault

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
inputs = st.dictionaries(texts, st.integers() | texts | st.none(), max_size=3)
ids = st.text("abc_123", min_size=1, max_size=6)
counts = st.integers(0, 10**6)


def block(kind: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[JsonObject]:
    return st.fixed_dictionaries({"type": st.just(kind), **fields})


blocks = st.one_of(
    block("text", text=texts),
    block("thinking", thinking=texts, signature=ids),
    block("redacted_thinking", data=ids),
    block("tool_use", id=ids, name=ids, input=inputs),
    block("server_tool_use", id=ids, name=ids, input=inputs),
    block("something_new", text=texts),
)
documents = st.fixed_dictionaries(
    {
        "id": ids,
        "type": st.just("message"),
        "role": st.just("assistant"),
        "model": ids,
        "content": st.lists(blocks, max_size=5),
        "stop_reason": st.sampled_from(
            ["end_turn", "max_tokens", "tool_use", "refusal", "pause_turn", "new"]
        ),
        "usage": st.fixed_dictionaries(
            {
                "input_tokens": counts,
                "output_tokens": counts,
                "cache_read_input_tokens": counts | st.none(),
                "cache_creation_input_tokens": counts | st.none(),
                "output_tokens_details": st.none()
                | st.fixed_dictionaries({"thinking_tokens": counts}),
            }
        ),
    }
)
EMPTY = {"text": "", "thinking": "", "signature": "", "input": {}}
DELTAS = {"text": "text_delta", "thinking": "thinking_delta"}


def events(document: JsonObject, size: int) -> Iterator[JsonObject]:
    """Write an answer as a stream, its texts in pieces of a size."""
    spent = dict(document["usage"])
    begun = spent | {"output_tokens": 1, "output_tokens_details": None}
    opening = {"content": [], "stop_reason": None, "usage": begun}
    yield {"type": "message_start", "message": document | opening}
    yield {"type": "ping"}
    for index, whole in enumerate(document["content"]):
        kind = whole["type"]
        known = kind in ("text", "thinking", "tool_use", "server_tool_use")
        bare = {k: EMPTY.get(k, v) if known else v for k, v in whole.items()}
        yield {"type": "content_block_start", "index": index, "content_block": bare}
        for delta in deltas(whole, size) if known else ():
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    ending = {"stop_reason": document["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": ending, "usage": spent}
    yield {"type": "message_stop"}


def deltas(whole: JsonObject, size: int) -> Iterator[JsonObject]:
    for key, kind in DELTAS.items():
        for piece in pieces(whole.get(key, ""), size):
            yield {"type": kind, key: piece}
    if "signature" in whole:
        yield {"type": "signature_delta", "signature": whole["signature"]}
    for piece in pieces(json.dumps(whole["input"]) if "input" in whole else "", size):
        yield {"type": "input_json_delta", "partial_json": piece}


def pieces(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


@given(document=documents, size=st.integers(1, 30))
def test_a_stream_says_what_the_whole_answer_says(
    document: JsonObject, size: int
) -> None:
    named = (
        f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events(document, size)
    )
    whole = Fault(body=json.dumps(document).encode())
    stream = Fault(body="".join(named).encode())

    async def check() -> None:
        async with (
            WireServer(whole, stream) as server,
            asking("anthropic", server) as provider,
        ):
            response = await provider.complete(ASKED)
            text, gathered = await streamed(provider, ASKED)
        assert gathered.request_id == "req_2"
        assert replace(gathered, request_id="req_1") == response
        assert text == response.text

    anyio.run(check)
