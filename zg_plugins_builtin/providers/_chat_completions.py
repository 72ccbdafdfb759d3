"""The format of OpenAI's chat completions, from our words and back."""

from __future__ import annotations

from collections.abc import Iterator

from zg_core.plugin_api import (
    Json,
    JsonObject,
    Message,
    Part,
    Request,
    Response,
    StopReason,
    Text,
    ToolCall,
    ToolDefinition,
    ToolResult,
    Usage,
)

from ._wire_json import arguments_of, counted, dump_json

__all__ = ["Gathered", "body_of", "response_of"]

# fmt: off
_STRICT = frozenset((
    "type", "title", "description", "properties", "required", "additionalProperties",
    "items", "anyOf", "enum", "const", "$ref", "$defs", "pattern", "format", "minimum",
    "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minItems",
    "maxItems",
))
# fmt: on
"""What a schema may use to be enforced to the letter."""
_REASONS: dict[str, StopReason] = {
    "stop": "end",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "length": "max_tokens",
    "content_filter": "refusal",
}


# -- Our words into theirs -----------------------------------------------------------


def body_of(request: Request, *, bound: str) -> JsonObject:
    """Return a request as the server wants it.

    Args:
        request: The request.
        bound: What the server calls the bound of an answer.
    """
    body: JsonObject = {
        "model": request.model,
        "messages": [m for said in request.messages for m in _messages(said)],
    }
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
    if request.output_schema is not None:
        body["response_format"] = _format(request.output_schema)
    if request.max_output_tokens is not None:
        body[bound] = request.max_output_tokens
    if request.temperature is not None:
        body["temperature"] = request.temperature
    return body


def _messages(message: Message) -> Iterator[JsonObject]:
    for part in message.parts:
        if isinstance(part, ToolResult):
            yield {"role": "tool", "tool_call_id": part.call_id, "content": part.text}
    text = "".join(part.text for part in message.parts if isinstance(part, Text))
    calls = [_call(call) for call in message.tool_calls]
    if calls:
        yield {"role": "assistant", "content": text or None, "tool_calls": calls}
    elif message.role != "tool":
        yield {"role": message.role, "content": text}


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


def _format(schema: JsonObject) -> JsonObject:
    strict = schema.get("type") == "object" and _is_strict(schema)
    named = {"name": "answer", "schema": schema, "strict": strict}
    return {"type": "json_schema", "json_schema": named}


def _is_strict(schema: Json) -> bool:
    """Tell whether OpenAI can enforce a schema; it refuses to try with others."""
    if not isinstance(schema, dict) or not schema.keys() <= _STRICT:
        return False
    properties = schema.get("properties", {})
    if properties or schema.get("type") == "object":
        closed = schema.get("additionalProperties") is False
        if not closed or set(schema.get("required", ())) != properties.keys():
            return False
    parts = [*properties.values(), *schema.get("$defs", {}).values()]
    parts += schema.get("anyOf", ())
    parts += [schema["items"]] if "items" in schema else []
    return all(map(_is_strict, parts))


# -- Their words into ours -----------------------------------------------------------


def response_of(document: JsonObject, request_id: str | None) -> Response:
    """Return what a whole answer says."""
    choice = document["choices"][0]
    message = choice["message"]
    text = f"{_text(message.get('content'))}{_text(message.get('refusal'))}"
    wanted = enumerate(message.get("tool_calls") or ())
    calls = [_tool_call(call, f"call_{index}") for index, call in wanted]
    parts: list[Part] = [Text(text=text)] if text else []
    reason = _REASONS.get(choice.get("finish_reason") or "stop", "other")
    if calls and reason == "end":
        reason = "tool_calls"  # some servers say that they are done
    if message.get("refusal"):
        reason = "refusal"
    return Response(
        message=Message(role="assistant", parts=(*parts, *calls)),
        stop_reason=reason,
        usage=_usage(document.get("usage")),
        model=_text(document.get("model")),
        request_id=request_id,
    )


def _tool_call(call: JsonObject, unnamed: str) -> ToolCall:
    function = call["function"]
    written = function.get("arguments") or ""
    return ToolCall(
        call_id=str(call.get("id") or unnamed),
        name=str(function["name"]),
        arguments=written if isinstance(written, dict) else arguments_of(written),
    )


def _text(content: Json) -> str:
    if isinstance(content, list):
        return "".join(_text(part.get("text")) for part in content)
    return content if isinstance(content, str) else ""


def _usage(usage: Json) -> Usage:
    return Usage(
        input_tokens=counted(usage, "prompt_tokens"),
        output_tokens=counted(usage, "completion_tokens"),
        cached_input_tokens=counted(usage, "prompt_tokens_details", "cached_tokens"),
        cache_write_tokens=counted(
            usage, "prompt_tokens_details", "cache_write_tokens"
        ),
        reasoning_tokens=counted(
            usage, "completion_tokens_details", "reasoning_tokens"
        ),
        calls=1,
    )


class Gathered:
    """The pieces of a stream, put together to what a whole answer would say."""

    def __init__(self) -> None:
        self._pieces: dict[str, list[str]] = {"content": [], "refusal": []}
        self._calls: dict[int, tuple[JsonObject, list[str]]] = {}
        self._reason: Json = None
        self._usage: Json = None
        self._model: Json = None

    def add(self, event: JsonObject) -> str:
        """Take a piece and return the text in it."""
        self._usage = event.get("usage") or self._usage
        self._model = event.get("model") or self._model
        if not event.get("choices"):
            return ""
        choice = event["choices"][0]
        self._reason = choice.get("finish_reason") or self._reason
        delta = choice.get("delta") or {}
        text = ""
        for kind, pieces in self._pieces.items():
            if piece := _text(delta.get(kind)):
                pieces.append(piece)
                text += piece
        for part in delta.get("tool_calls") or ():
            self._add_call(part)
        return text

    def _add_call(self, part: JsonObject) -> None:
        call, written = self._calls.setdefault(part.get("index") or 0, ({}, []))
        function = part.get("function") or {}
        call.update({"id": part["id"]} if part.get("id") else {})
        call.update({"name": function["name"]} if function.get("name") else {})
        written.append(function.get("arguments") or "")

    def response(self, request_id: str | None) -> Response:
        """Return the whole answer."""
        calls = [
            {"id": call.get("id"), "function": call | {"arguments": "".join(written)}}
            for _, (call, written) in sorted(self._calls.items())
        ]
        said = {kind: "".join(pieces) for kind, pieces in self._pieces.items()}
        choice = {"message": {**said, "tool_calls": calls}}
        document = {
            "choices": [choice | {"finish_reason": self._reason}],
            "usage": self._usage,
            "model": self._model,
        }
        return response_of(document, request_id)
