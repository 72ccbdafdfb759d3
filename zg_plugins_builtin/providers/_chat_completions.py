"""The format of OpenAI's chat completions, from our words and back."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from zg_core.plugin_api import (
    Image,
    Json,
    JsonObject,
    Message,
    Part,
    Reasoning,
    Request,
    Response,
    StopReason,
    Text,
    ToolCall,
    ToolDefinition,
    ToolResult,
)

from ._call_ids import CallIds, with_call_ids
from ._openai_usage import usage_of
from ._streamed_calls import StreamedCalls
from ._streamed_thoughts import StreamedThoughts
from ._strict_schema import named_schema
from ._wire_json import arguments_of, dump_json

__all__ = ["ChatCompletions"]

_FORMAT = "openai-chat"
_REASONS: dict[str, StopReason] = {
    "stop": "end",
    "eos": "end",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "length": "max_tokens",
    "model_length": "max_tokens",
    "content_filter": "refusal",
}
"""OpenAI's words, and those of servers that have their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatCompletions:
    """How a server is asked for chat completions, and what its answers mean.

    Attributes:
        bound: What it calls the bound of an answer.
        stream_usage: Whether it is to be asked for the usage of a stream.
        temperature: Whether it may be told a temperature.
        cost_field: Where in the usage it says what it charges, in US dollars.
        reasoning_field: Where it says what a model thought, and wants to hear it
            again.
        call_ids: Which ids of tool calls it takes, if not all.
    """

    bound: str = "max_tokens"
    stream_usage: bool = True
    temperature: bool = True
    cost_field: str | None = None
    reasoning_field: str | None = None
    call_ids: CallIds | None = None

    @property
    def path(self) -> str:
        """Where it is asked, below its base URL."""
        return "/chat/completions"

    # -- Our words into theirs -------------------------------------------------------

    def body(self, request: Request) -> JsonObject:
        """Return a request as the server wants it."""
        messages = request.messages
        if self.call_ids:
            messages = with_call_ids(messages, self.call_ids)
        body: JsonObject = {
            "model": request.model,
            "messages": [m for said in messages for m in self._messages(said)],
        }
        if request.tools:
            body["tools"] = [_tool(tool) for tool in request.tools]
        if request.output_schema is not None:
            named = named_schema(request.output_schema)
            body["response_format"] = {"type": "json_schema", "json_schema": named}
        if request.max_output_tokens is not None:
            body[self.bound] = request.max_output_tokens
        if request.temperature is not None and self.temperature:
            body["temperature"] = request.temperature
        return body

    def streaming(self, request: Request) -> JsonObject:
        """Return a request for an answer in pieces."""
        body = self.body(request) | {"stream": True}
        if self.stream_usage:
            body["stream_options"] = {"include_usage": True}
        return body

    def _messages(self, message: Message) -> Iterator[JsonObject]:
        if message.role == "tool":
            for part in message.parts:
                if isinstance(part, ToolResult):
                    said = {"tool_call_id": part.call_id, "content": part.text}
                    yield {"role": "tool"} | said
        elif message.role == "assistant":
            yield self._answer(message)
        else:
            yield {"role": message.role, "content": _content(message.parts)}

    def _answer(self, message: Message) -> JsonObject:
        """Return what a model said; what it thought as well, where that is its own."""
        said: JsonObject = {"role": "assistant", "content": _content(message.parts)}
        if calls := message.tool_calls:
            said["content"] = said["content"] or None
            said["tool_calls"] = [_call(call) for call in calls]
        if field := self.reasoning_field:
            for part in message.parts:
                if isinstance(part, Reasoning) and part.provider == _FORMAT:
                    # Another server's field may be unknown to this one.
                    said |= {field: part.data[field]} if field in part.data else {}
        return said

    # -- Their words into ours -------------------------------------------------------

    def response(self, document: JsonObject, request_id: str | None) -> Response:
        """Return what a whole answer says."""
        choice = document["choices"][0]
        message = choice["message"]
        refusal = _text(message.get("refusal"))
        wanted = message.get("tool_calls") or ()
        calls = [_tool_call(call, f"call_{i}") for i, call in enumerate(wanted)]
        parts: list[Part] = []
        if thought := self.reasoning_field and message.get(self.reasoning_field):
            data = {self.reasoning_field: thought}
            parts.append(Reasoning(provider=_FORMAT, data=data))
        if text := _text(message.get("content")) + refusal:
            parts.append(Text(text=text))
        usage = document.get("usage")
        return Response(
            message=Message(role="assistant", parts=(*parts, *calls)),
            stop_reason=_reason(choice.get("finish_reason"), calls, refusal),
            usage=usage_of(usage, read="prompt_tokens", wrote="completion_tokens"),
            model=_text(document.get("model")),
            request_id=request_id,
            cost_usd=_cost(usage, self.cost_field) if self.cost_field else None,
        )

    def gathering(self) -> _Gathered:
        """Return what puts the pieces of a stream together."""
        return _Gathered(self)


def _content(parts: tuple[Part, ...]) -> Json:
    if any(isinstance(part, Image) for part in parts):
        return [_shown(part) for part in parts if isinstance(part, Text | Image)]
    return "".join([part.text for part in parts if isinstance(part, Text)])


def _shown(part: Text | Image) -> JsonObject:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    url = f"data:{part.media_type};base64,{part.data}"
    return {"type": "image_url", "image_url": {"url": url}}


def _call(call: ToolCall) -> JsonObject:
    written = dump_json(call.arguments).decode()
    function = {"name": call.name, "arguments": written}
    return {"id": call.call_id, "type": "function", "function": function}


def _tool(tool: ToolDefinition) -> JsonObject:
    return {
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.parameters,
        },
    }


def _tool_call(call: JsonObject, unnamed: str) -> ToolCall:
    function = call["function"]
    written = function.get("arguments") or ""
    return ToolCall(
        call_id=str(call.get("id") or unnamed),
        name=str(function["name"]),
        arguments=written if isinstance(written, dict) else arguments_of(written),
    )


def _reason(said: str | None, calls: list[ToolCall], refusal: str) -> StopReason:
    """Return why a model stopped; some servers say that they are done, or nothing."""
    if said == "error":
        raise ValueError("the server failed while it answered")
    if refusal:
        return "refusal"
    reason = _REASONS.get(said or "stop", "other")
    if reason in ("end", "tool_calls"):
        return "tool_calls" if calls else "end"
    return reason


def _text(content: Json) -> str:
    if isinstance(content, list):
        return "".join(_text(part.get("text")) for part in content)
    return content if isinstance(content, str) else ""


def _cost(usage: Json, field: str) -> float | None:
    """Return what a server says it charges.

    Where it uses a key of the user's at another service, that one charges as well.
    """
    if not isinstance(usage, dict):
        return None
    cost = _amount(usage.get(field))
    if cost is not None and usage.get("is_byok"):
        details = usage.get("cost_details") or {}
        cost += _amount(details.get("upstream_inference_cost")) or 0.0
    return cost


def _amount(value: Json) -> float | None:
    known = type(value) in (int, float) and 0 <= value < math.inf
    return float(value) if known else None


class _Gathered:
    """The pieces of a stream, put together to what a whole answer would say."""

    def __init__(self, api: ChatCompletions) -> None:
        self._api = api
        self._said: list[str] = []
        self._refused: list[str] = []
        self._thoughts = StreamedThoughts()
        self._calls = StreamedCalls()
        self._begun = False
        self._reason: Json = None
        self._usage: Json = None
        self._model: Json = None

    def add(self, event: JsonObject) -> str:
        """Take a piece and return the text in it."""
        self._usage = event.get("usage") or self._usage
        self._model = event.get("model") or self._model
        if not event.get("choices"):
            return ""
        self._begun = True
        choice = event["choices"][0]
        self._reason = choice.get("finish_reason") or self._reason
        delta = choice.get("delta") or {}
        if text := _text(delta.get("content")):
            self._said.append(text)
        if refusal := _text(delta.get("refusal")):
            self._refused.append(refusal)
            text += refusal
        for part in delta.get("tool_calls") or ():
            self._calls.add(part)
        if field := self._api.reasoning_field:
            self._thoughts.add(delta.get(field))
        return text

    def response(self, request_id: str | None) -> Response:
        """Return the whole answer."""
        message: JsonObject = {
            "content": "".join(self._said),
            "refusal": "".join(self._refused),
            "tool_calls": self._calls.whole(),
        }
        if self._api.reasoning_field:
            message[self._api.reasoning_field] = self._thoughts.whole()
        choice = {"message": message, "finish_reason": self._reason}
        document = {
            "choices": [choice] if self._begun else [],
            "usage": self._usage,
            "model": self._model,
        }
        return self._api.response(document, request_id)
