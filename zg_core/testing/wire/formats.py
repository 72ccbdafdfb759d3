"""Answers as OpenAI's and Anthropic's servers write them, whole and in pieces.

Sources: the published API references, <https://platform.openai.com/docs/api-reference>
(chat, responses) and <https://docs.anthropic.com/en/api/messages-streaming>, as the
vendors' own packages read them. They are one file, since they share their pieces.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Protocol

from ..._json import Json, JsonObject
from ...messages import Part, Reasoning, Text, ToolCall
from ...models import Response

__all__ = ["FORMATS", "WireFormat"]


class WireFormat(Protocol):
    """How one vendor's server speaks.

    Attributes:
        request_id_header: The header that carries the id of the exchange.
    """

    request_id_header: str

    def document(self, response: Response, number: int) -> JsonObject:
        """Return a whole answer."""
        ...

    def events(
        self,
        response: Response,
        number: int,
        piece: int | None,
        asked: JsonObject | None = None,
    ) -> Iterator[bytes]:
        """Return the same answer as server-sent events.

        Args:
            response: The answer.
            number: Which answer of the server it is.
            piece: Characters a delta; `None` is a word.
            asked: The body of the request; `None` is one that wants to be told all.
        """
        ...

    def error(self, status: int, message: str, code: str) -> JsonObject:
        """Return what the body of an error says."""
        ...

    def schema(self, body: JsonObject) -> JsonObject | None:
        """Return the JSON Schema that a request asks its answer to fit."""
        ...


_OPENAI_REASONS = {"end": "stop", "max_tokens": "length", "refusal": "content_filter"}


class _OpenAI:
    request_id_header = "x-request-id"

    def document(self, response: Response, number: int) -> JsonObject:
        calls = [
            {
                "id": call.call_id,
                "type": "function",
                "function": {"name": call.name, "arguments": _written(call)},
            }
            for call in response.message.tool_calls
        ]
        message = {"role": "assistant", "content": response.text or None}
        return {
            "id": f"chatcmpl-{number}",
            "object": "chat.completion",
            "created": 0,
            "model": response.model,
            "choices": [
                {
                    "index": 0,
                    "message": message | ({"tool_calls": calls} if calls else {}),
                    "finish_reason": self._reason(response),
                }
            ],
            "usage": self._usage(response),
        }

    def events(
        self,
        response: Response,
        number: int,
        piece: int | None,
        asked: JsonObject | None = None,
    ) -> Iterator[bytes]:
        head = {
            "id": f"chatcmpl-{number}",
            "object": "chat.completion.chunk",
            "created": 0,
            "model": response.model,
        }
        counted = _wants_usage(asked)
        if counted:
            head |= {"usage": None}  # until the last one

        def event(delta: JsonObject, reason: str | None = None) -> bytes:
            choice = {"index": 0, "delta": delta, "finish_reason": reason}
            return _sse(head | {"choices": [choice]})

        yield event({"role": "assistant", "content": ""})
        for text in _pieces(response.text, piece):
            yield event({"content": text})
        for index, call in enumerate(response.message.tool_calls):
            function = {"name": call.name, "arguments": ""}
            start = {"id": call.call_id, "type": "function", "function": function}
            yield event({"tool_calls": [{"index": index} | start]})
            for text in _pieces(_written(call), piece):
                more = {"index": index, "function": {"arguments": text}}
                yield event({"tool_calls": [more]})
        yield event({}, self._reason(response))
        if counted:
            yield _sse(head | {"choices": [], "usage": self._usage(response)})
        yield b"data: [DONE]\n\n"

    def error(self, status: int, message: str, code: str) -> JsonObject:
        kind = "server_error" if status >= 500 else "invalid_request_error"
        detail = {"message": message, "type": kind, "param": None, "code": code or None}
        return {"error": detail}

    def schema(self, body: JsonObject) -> JsonObject | None:
        match body:
            case {"response_format": {"json_schema": {"schema": dict() as schema}}}:
                return schema
        return None

    def _reason(self, response: Response) -> str:
        return _OPENAI_REASONS.get(response.stop_reason, response.stop_reason)

    def _usage(self, response: Response) -> JsonObject:
        usage = response.usage
        return {
            "prompt_tokens": usage.input_tokens,
            "completion_tokens": usage.output_tokens,
            "total_tokens": usage.total_tokens,
            "prompt_tokens_details": {
                "cached_tokens": usage.cached_input_tokens,
                "cache_write_tokens": usage.cache_write_tokens,
            },
            "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        }


def _wants_usage(asked: JsonObject | None) -> bool:
    match asked:
        case None | {"stream_options": {"include_usage": True}}:
            return True
    return False


_ANTHROPIC_REASONS = {
    "end": "end_turn",
    "tool_calls": "tool_use",
    "other": "pause_turn",
}
_ANTHROPIC_ERRORS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_SPENT = ("output_tokens", "output_tokens_details")


class _Anthropic:
    request_id_header = "request-id"

    def document(self, response: Response, number: int) -> JsonObject:
        blocks = [
            {
                "type": "tool_use",
                "id": part.call_id,
                "name": part.name,
                "input": part.arguments,
            }
            if isinstance(part, ToolCall)
            else {"type": "text", "text": part.text}
            for part in response.message.parts
            if isinstance(part, Text | ToolCall)
        ]
        return {
            "id": f"msg_{number}",
            "type": "message",
            "role": "assistant",
            "model": response.model,
            "content": blocks,
            "stop_reason": self._reason(response),
            "stop_sequence": None,
            "usage": self._usage(response),
        }

    def events(
        self,
        response: Response,
        number: int,
        piece: int | None,
        asked: JsonObject | None = None,
    ) -> Iterator[bytes]:
        empty: JsonObject = {"content": [], "stop_reason": None}
        usage = self._usage(response)
        spent = {key: usage.pop(key) for key in _SPENT}
        begun = {"usage": usage | {"output_tokens": 1}}
        started = self.document(response, number) | empty | begun
        yield _named_sse({"type": "message_start", "message": started})
        yield _named_sse({"type": "ping"})
        for index, part in enumerate(response.message.parts):
            yield from self._block(index, part, piece)
        ending = {"stop_reason": self._reason(response), "stop_sequence": None}
        yield _named_sse({"type": "message_delta", "delta": ending, "usage": spent})
        yield _named_sse({"type": "message_stop"})

    def _block(self, index: int, part: object, piece: int | None) -> Iterator[bytes]:
        at = {"index": index}
        opening: JsonObject
        if isinstance(part, ToolCall):
            block = {"id": part.call_id, "name": part.name, "input": {}}
            opening = {"type": "tool_use"} | block
            kind, key, whole = "input_json_delta", "partial_json", _written(part)
        else:
            assert isinstance(part, Text)
            opening = {"type": "text", "text": ""}
            kind, key, whole = "text_delta", "text", part.text
        yield _named_sse({"type": "content_block_start", "content_block": opening} | at)
        for text in _pieces(whole, piece):
            delta = {"type": kind, key: text}
            yield _named_sse({"type": "content_block_delta", "delta": delta} | at)
        yield _named_sse({"type": "content_block_stop"} | at)

    def error(self, status: int, message: str, code: str) -> JsonObject:
        kind = code or _ANTHROPIC_ERRORS.get(status, "api_error")
        return {"type": "error", "error": {"type": kind, "message": message}}

    def schema(self, body: JsonObject) -> JsonObject | None:
        match body:
            case {"output_config": {"format": {"schema": dict() as schema}}}:
                return schema
        return None

    def _reason(self, response: Response) -> str:
        return _ANTHROPIC_REASONS.get(response.stop_reason, response.stop_reason)

    def _usage(self, response: Response) -> JsonObject:
        usage = response.usage
        cached, written = usage.cached_input_tokens, usage.cache_write_tokens
        return {
            "input_tokens": usage.input_tokens - cached - written,
            "cache_read_input_tokens": cached,
            "cache_creation_input_tokens": written,
            "output_tokens": usage.output_tokens,
            "output_tokens_details": {"thinking_tokens": usage.reasoning_tokens},
        }


_CUT = {"max_tokens": "max_output_tokens", "refusal": "content_filter"}


class _Responses(_OpenAI):
    def document(self, response: Response, number: int) -> JsonObject:
        cut = _CUT.get(response.stop_reason)
        return {
            "id": f"resp_{number}",
            "object": "response",
            "created_at": 0,
            "status": "incomplete" if cut else "completed",
            "error": None,
            "incomplete_details": {"reason": cut} if cut else None,
            "model": response.model,
            "output": [_item(p, i) for i, p in enumerate(response.message.parts)],
            "usage": self._usage(response),
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
        }

    def events(
        self,
        response: Response,
        number: int,
        piece: int | None,
        asked: JsonObject | None = None,
    ) -> Iterator[bytes]:
        for place, event in enumerate(self._told(response, number, piece)):
            yield _named_sse(event | {"sequence_number": place})

    def _told(
        self, response: Response, number: int, piece: int | None
    ) -> Iterator[JsonObject]:
        whole = self.document(response, number)
        begun = whole | {"status": "in_progress", "output": [], "usage": None}
        yield {"type": "response.created", "response": begun}
        yield {"type": "response.in_progress", "response": begun}
        for index, part in enumerate(response.message.parts):
            item = _item(part, index)
            at = {"output_index": index}
            added = {"item": item | _empty(part)}
            yield {"type": "response.output_item.added"} | at | added
            for event in _within(part, piece):
                yield event | at | {"item_id": item["id"]}
            yield {"type": "response.output_item.done", "item": item} | at
        yield {"type": f"response.{whole['status']}", "response": whole}

    def schema(self, body: JsonObject) -> JsonObject | None:
        match body:
            case {"text": {"format": {"schema": dict() as schema}}}:
                return schema
        return None

    def _usage(self, response: Response) -> JsonObject:
        usage = response.usage
        return {
            "input_tokens": usage.input_tokens,
            "input_tokens_details": {
                "cached_tokens": usage.cached_input_tokens,
                "cache_write_tokens": usage.cache_write_tokens,
            },
            "output_tokens": usage.output_tokens,
            "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
            "total_tokens": usage.total_tokens,
        }


def _item(part: Part, index: int) -> JsonObject:
    if isinstance(part, Reasoning):
        return {"id": f"rs_{index}"} | part.data
    if isinstance(part, ToolCall):
        call = {"call_id": part.call_id, "name": part.name, "arguments": _written(part)}
        return {
            "type": "function_call",
            "id": f"fc_{index}",
            "status": "completed",
        } | call
    assert isinstance(part, Text)
    return {
        "type": "message",
        "id": f"msg_{index}",
        "role": "assistant",
        "status": "completed",
        "content": [_output_text(part.text)],
    }


def _empty(part: Part) -> JsonObject:
    """Return what an item has less of while it begins."""
    if isinstance(part, Text):
        return {"content": [], "status": "in_progress"}
    if isinstance(part, ToolCall):
        return {"arguments": "", "status": "in_progress"}
    return {}


def _within(part: Part, piece: int | None) -> Iterator[JsonObject]:
    """Yield what is told of an item between its beginning and its end."""
    if isinstance(part, ToolCall):
        kind = "response.function_call_arguments"
        for text in _pieces(_written(part), piece):
            yield {"type": f"{kind}.delta", "delta": text}
        yield {"type": f"{kind}.done", "name": part.name, "arguments": _written(part)}
    elif isinstance(part, Text):
        at = {"content_index": 0}
        empty, whole = _output_text(""), _output_text(part.text)
        yield {"type": "response.content_part.added", "part": empty} | at
        more: JsonObject = at | {"logprobs": []}
        for text in _pieces(part.text, piece):
            yield {"type": "response.output_text.delta", "delta": text} | more
        yield {"type": "response.output_text.done", "text": part.text} | more
        yield {"type": "response.content_part.done", "part": whole} | at


def _output_text(text: str) -> JsonObject:
    return {"type": "output_text", "text": text, "annotations": []}


FORMATS: dict[str, WireFormat] = {
    "/v1/chat/completions": _OpenAI(),
    "/v1/responses": _Responses(),
    "/v1/messages": _Anthropic(),
}
"""The formats by the path they are asked at."""


def _written(call: ToolCall) -> str:
    """Return arguments as a model wrote them, also where that is no JSON object."""
    if call.arguments.keys() == {""}:
        return str(call.arguments[""])
    return json.dumps(call.arguments, ensure_ascii=False)


def _pieces(text: str, size: int | None) -> list[str]:
    if size is None:
        return re.findall(r"\s*\S+|\s+$", text)
    return [text[at : at + size] for at in range(0, len(text), size)]


def _sse(data: Json) -> bytes:
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def _named_sse(data: JsonObject) -> bytes:
    return f"event: {data['type']}\n".encode() + _sse(data)
