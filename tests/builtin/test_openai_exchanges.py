"""Exchanges in the shape of those in OpenAI's API reference, whole and streamed.

Each file has the answer that was given, the events of the same answer as a stream,
and what they mean.
"""

from __future__ import annotations

import json
from dataclasses import astuple
from pathlib import Path

import pytest
from builtin.vendors import ASKED, asking, streamed

from zg_core.plugin_api import Json, Reasoning
from zg_core.testing import WireServer
from zg_core.testing.wire import Fault

pytestmark = pytest.mark.anyio
EXCHANGES = Path(__file__).parent / "exchanges"
FILES = sorted([*EXCHANGES.glob("chat_*.json"), *EXCHANGES.glob("responses_*.json")])


def events(exchange: dict[str, Json]) -> bytes:
    written = [json.dumps(event, ensure_ascii=False) for event in exchange["stream"]]
    chat = exchange["path"].endswith("completions")
    blocks = [f"data: {text}\n\n" for text in written + ["[DONE]"] * chat]
    return "".join(blocks).encode()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
async def test_an_exchange_means_the_same_whole_and_streamed(file: Path) -> None:
    exchange = json.loads(file.read_text(encoding="utf-8"))
    api = "chat" if exchange["path"].endswith("completions") else "responses"
    named = {"x-request-id": "req_42"}
    whole_body = json.dumps(exchange["whole"]).encode()
    answers = [
        Fault(body=body, headers=named) for body in (whole_body, events(exchange))
    ]

    async with (
        WireServer(*answers) as server,
        asking("openai", server, api=api) as provider,
    ):
        whole = await provider.complete(ASKED)
        text, response = await streamed(provider, ASKED)

    means = exchange["means"]
    assert response == whole
    assert whole.request_id == "req_42"
    assert text == whole.text == means["text"]
    assert whole.stop_reason == means["stop_reason"]
    assert astuple(whole.usage)[:5] == tuple(means["usage"])
    assert [
        [call.call_id, call.name, call.arguments] for call in whole.message.tool_calls
    ] == means["calls"]
    assert {request.path for request in server.requests} == {exchange["path"]}
    thoughts = [p.data for p in whole.message.parts if isinstance(p, Reasoning)]
    output = exchange["whole"].get("output", ())
    assert thoughts == [item for item in output if item["type"] == "reasoning"]
