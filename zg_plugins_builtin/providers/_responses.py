"""The format of OpenAI's responses API, from our words and back.

It is asked without memory: the server stores nothing, and what a model thought comes
sealed, to be handed back with what is asked next.
"""

from __future__ import annotations

import re
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

from ._openai_usage import usage_of
from ._strict_schema import named_schema
from ._wire_json import arguments_of, dump_json

__all__ = ["Responses", "reasons"]

_FORMAT = "openai"
_REASONING = re.compile(r"(ft:)?(o\d|codex-|gpt-([5-9]|\d\d))(?!.*-chat)")
"""OpenAI's families of models that think before they answer."""
_CUT: dict[Json, StopReason] = {
    "max_output_tokens": "max_tokens",
    "content_filter": "refusal",
}
_FEWEST = 16
"""The fewest tokens that an answer may be bounded to there."""
_LAST = frozenset(("response.completed", "response.incomplete", "response.failed"))
_TEXTS = frozenset(("response.output_text.delta", "response.refusal.delta"))


def reasons(model: str) -> bool:
    """Tell whether a model of OpenAI's thinks before it answers."""
    return _REASONING.match(model) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Responses:
    """How a server is asked for responses, and what its answers mean.

    Attributes:
        temperature: Whether it may be told a temperature.
        sealed: Whether it is to hand out what a model thought.
    """

    temperature: bool = True
    sealed: bool = False

    @property
    def path(self) -> str:
        """Where it is asked, below its base URL."""
        return "/responses"

    # -- Our words into theirs -------------------------------------------------------

    def body(self, request: Request) -> JsonObject:
        """Return a request as the server wants it."""
        body: JsonObject = {
            "model": request.model,
            "input": [item for said in request.messages for item in _items(said)],
            "store": False,
        }
        if self.sealed:
            body["include"] = ["reasoning.encrypted_content"]
        if request.tools:
            body["tools"] = [_tool(tool) for tool in request.tools]
        if request.output_schema is not None:
            named = named_schema(request.output_schema)
            body["text"] = {"format": {"type": "json_schema"} | named}
        if request.max_output_tokens is not None:
            body["max_output_tokens"] = max(request.max_output_tokens, _FEWEST)
        if request.temperature is not None and self.temperature:
            body["temperature"] = request.temperature
        return body

    def streaming(self, request: Request) -> JsonObject:
        """Return a request for an answer in pieces."""
        return self.body(request) | {"stream": True}

    # -- Their words into ours -------------------------------------------------------

    def response(self, document: JsonObject, request_id: str | None) -> Response:
        """Return what a whole answer says."""
        output = document["output"]
        parts = tuple(part for item in output for part in _parts(item))
        return Response(
            message=Message(role="assistant", parts=parts),
            stop_reason=_reason(document, parts),
            usage=usage_of(
                document.get("usage"), read="input_tokens", wrote="output_tokens"
            ),
            model=str(document.get("model") or ""),
            request_id=request_id,
        )

    def gathering(self) -> _Gathered:
        """Return what puts the pieces of a stream together."""
        return _Gathered(self)


def _items(message: Message) -> Iterator[JsonObject]:
    """Yield what was said, in order; the model's turns are many items."""
    if message.role in ("system", "user"):
        yield {"role": message.role, "content": _content(message.parts)}
        return
    for part in message.parts:
        if isinstance(part, Text):
            if part.text and message.role == "assistant":
                yield {"role": "assistant", "content": part.text}
        elif isinstance(part, ToolResult):
            result = {"call_id": part.call_id, "output": part.text}
            yield {"type": "function_call_output"} | result
        elif isinstance(part, ToolCall):
            yield _call(part)
        elif isinstance(part, Reasoning) and _is_told_again(part):
            yield part.data


def _is_told_again(thought: Reasoning) -> bool:
    """Tell whether a thought is one of this format, with something in it.

    A server that stores nothing refuses one that has no more than its name, since it
    looks for that in its store.
    """
    data = thought.data
    inside = data.get("encrypted_content") or data.get("content")
    return thought.provider == _FORMAT and bool(inside)


def _content(parts: tuple[Part, ...]) -> Json:
    if any(isinstance(part, Image) for part in parts):
        return [_shown(part) for part in parts if isinstance(part, Text | Image)]
    return "".join([part.text for part in parts if isinstance(part, Text)])


def _shown(part: Text | Image) -> JsonObject:
    if isinstance(part, Text):
        return {"type": "input_text", "text": part.text}
    url = f"data:{part.media_type};base64,{part.data}"
    return {"type": "input_image", "image_url": url, "detail": "auto"}


def _call(call: ToolCall) -> JsonObject:
    return {
        "type": "function_call",
        "call_id": call.call_id,
        "name": call.name,
        "arguments": dump_json(call.arguments).decode(),
    }


def _tool(tool: ToolDefinition) -> JsonObject:
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
        "strict": False,  # which here is not the default
    }


def _parts(item: JsonObject) -> Iterator[Part]:
    """Yield what an item means to us; what we did not ask for means nothing."""
    match item["type"]:
        case "message" if _is_aside(item):
            yield Reasoning(provider=_FORMAT, data=item)
        case "message":
            if text := "".join(map(_text, item["content"])):
                yield Text(text=text)
        case "reasoning":
            yield Reasoning(provider=_FORMAT, data=item)
        case "function_call":
            yield ToolCall(
                call_id=str(item["call_id"]),
                name=str(item["name"]),
                arguments=arguments_of(item.get("arguments") or ""),
            )


def _is_aside(item: JsonObject) -> bool:
    """Tell whether a message is about the work, and no part of the answer.

    It is to come back as it was, like a thought.
    """
    return item.get("phase") == "commentary"


def _text(content: JsonObject) -> str:
    return str(content.get("text") or content.get("refusal") or "")


def _reason(document: JsonObject, parts: tuple[Part, ...]) -> StopReason:
    status = document.get("status") or "completed"
    if status == "incomplete":
        details = document.get("incomplete_details") or {}
        return _CUT.get(details.get("reason"), "other")
    if status != "completed":
        raise ValueError(f"the answer is {status}")
    if any(isinstance(part, ToolCall) for part in parts):
        return "tool_calls"
    return "refusal" if any(map(_refuses, document["output"])) else "end"


def _refuses(item: JsonObject) -> bool:
    contents = item["content"] if item["type"] == "message" else ()
    return any(content.get("refusal") for content in contents)


class _Gathered:
    """A stream, whose last event says what a whole answer would."""

    def __init__(self, api: Responses) -> None:
        self._api = api
        self._items: dict[int, JsonObject] = {}
        self._asides: set[int] = set()
        self._document: JsonObject = {}

    def add(self, event: JsonObject) -> str:
        """Take a piece and return the text in it."""
        kind = event.get("type")
        if kind in _TEXTS:
            aside = self._asides and event["output_index"] in self._asides
            return "" if aside else str(event["delta"])
        if kind == "response.output_item.added":
            if _is_aside(event["item"]):
                self._asides.add(event["output_index"])
        elif kind == "response.output_item.done":
            self._items[event["output_index"]] = event["item"]
        elif kind in _LAST:
            self._document = event["response"]
        return ""

    def response(self, request_id: str | None) -> Response:
        """Return the whole answer; some servers do not say its items again."""
        document = self._document
        if not document:
            raise ValueError("the stream ended without its last event")
        if not document.get("output"):
            items = [item for _, item in sorted(self._items.items())]
            document = document | {"output": items}
        return self._api.response(document, request_id)
