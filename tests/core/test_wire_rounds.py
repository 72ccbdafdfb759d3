"""A server that keeps a tool loop going, for either vendor's clients."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import pytest

from zg_core.testing.wire import serve_apart

SCHEMA = {"type": "object", "properties": {"word": {"type": "string"}}}
OPENAI_TOOL = {"function": {"name": "look_up", "parameters": SCHEMA}}
ANTHROPIC_TOOL = {"name": "look_up", "input_schema": SCHEMA}
RESULT = {"type": "tool_result", "tool_use_id": "1", "content": "x"}


def ask(url: str, path: str, **body: Any) -> Any:
    data = json.dumps({"model": "m", **body}).encode()
    with urllib.request.urlopen(f"{url}{path}", data=data) as answer:
        return json.load(answer)


@pytest.fixture(scope="module")
def server() -> Any:
    with serve_apart("--tool-rounds", "1", "--text", "done") as url:
        yield url


def test_openais_loop_ends_after_so_many_results(server: str) -> None:
    said = [{"role": "user", "content": "x"}]
    result = {"role": "tool", "tool_call_id": "1", "content": "x"}

    def answer(*more: Any) -> Any:
        path = "/v1/chat/completions"
        asked = ask(server, path, messages=[*said, *more], tools=[OPENAI_TOOL])
        return asked["choices"][0]["message"]

    [call] = answer()["tool_calls"]
    assert call["function"]["name"] == "look_up"
    assert json.loads(call["function"]["arguments"]).keys() == {"word"}
    assert answer(result)["content"] == "done"


def test_anthropics_loop_ends_after_so_many_results(server: str) -> None:
    said = [{"role": "user", "content": [{"type": "text", "text": "x"}]}]
    result = {"role": "user", "content": [RESULT]}

    def answer(*more: Any) -> Any:
        path = "/v1/messages"
        asked = ask(server, path, messages=[*said, *more], tools=[ANTHROPIC_TOOL])
        return asked["content"][-1]

    assert answer()["name"] == "look_up"
    assert answer()["input"].keys() == {"word"}
    assert answer(result)["text"] == "done"


def test_who_has_no_tools_gets_an_answer(server: str) -> None:
    asked = ask(
        server, "/v1/chat/completions", messages=[{"role": "user", "content": "x"}]
    )

    assert asked["choices"][0]["message"]["content"] == "done"
