"""Anthropic's messages."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator

from zg_core.plugin_api import (
    Chunk,
    Json,
    JsonObject,
    Message,
    ModelInfo,
    Part,
    Progress,
    Request,
    Response,
    Settings,
    StopReason,
    Text,
    ToolCall,
    ToolDefinition,
    Usage,
)

from ._service import Service, model_info, section
from ._vendor import Vendor
from ._wire_json import arguments_of, counted, dump_json

__all__ = ["MAX_OUTPUT_TOKENS", "AnthropicProvider", "make"]

MAX_OUTPUT_TOKENS = 16_384
"""The bound of an answer where nobody says one; the API wants one always."""

_PATH = "/v1/messages"
_HIDDEN_TOKENS = 2048
"""More than the server adds of its own, such as how to call tools."""
_REASONS: dict[str, StopReason] = {
    "end_turn": "end",
    "stop_sequence": "end",
    "tool_use": "tool_calls",
    "max_tokens": "max_tokens",
    "model_context_window_exceeded": "max_tokens",
    "refusal": "refusal",
}


def make(settings: Settings) -> AnthropicProvider:
    """Make the provider of Anthropic itself, or of another server by ``base_url``."""
    return AnthropicProvider(section(settings, "anthropic"))


class AnthropicProvider:
    """Serves Anthropic's models.

    The API has no temperature any more, so a request's is not sent.

    Args:
        settings: Its section: ``base_url``, ``api_key``, ``timeout_seconds``, and
            the fields of `ModelInfo`.
    """

    def __init__(self, settings: Settings) -> None:
        service = Service(
            provider="anthropic", package="anthropic", env="ANTHROPIC_API_KEY"
        )
        self._vendor = Vendor(service, settings)
        self._info = model_info(settings, max_output_tokens=MAX_OUTPUT_TOKENS)

    def info(self, model: str) -> ModelInfo:
        """Say what the settings say; by default that it can do everything."""
        return self._info

    def estimate(self, request: Request) -> int:
        """Return the bytes of the request: no tokenizer makes more tokens of them."""
        schema = dump_json(request.output_schema)  # it may be sent in more words
        return len(dump_json(self._body(request))) + len(schema) + _HIDDEN_TOKENS

    async def complete(self, request: Request) -> Response:
        """Answer a request."""
        body = self._body(request, await self._enforceable(request.output_schema))
        document, request_id = await self._vendor.ask(_PATH, body)
        return self._vendor.understand(_response, document, request_id)

    async def stream(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """Answer a request in pieces."""
        body = self._body(request, await self._enforceable(request.output_schema))
        gathered = _Gathered()
        async with self._vendor.stream(_PATH, body | {"stream": True}) as (
            events,
            request_id,
        ):
            async for event in events:
                if text := self._vendor.understand(gathered.add, event):
                    yield Chunk(text=text)
        yield Chunk(response=self._vendor.understand(gathered.response, request_id))

    async def prepare(self, model: str, progress: Progress, *, download: bool) -> None:
        """See that there is a key, before a run is begun that would need it."""
        self._vendor.check_key()

    async def close(self) -> None:
        """Close all connections."""
        await self._vendor.close()

    async def _enforceable(self, schema: JsonObject | None) -> JsonObject | None:
        """Return a schema in the words the API can enforce; the package knows how."""
        if schema is None:
            return None
        package = await self._vendor.package()
        try:
            transformed: JsonObject = package.transform_schema(schema)
        except ValueError:
            return schema  # it says too little; let the server judge
        return transformed

    def _body(self, request: Request, schema: JsonObject | None = None) -> JsonObject:
        most = request.max_output_tokens or self._info.max_output_tokens
        body: JsonObject = {
            "model": request.model,
            "max_tokens": most,
            "messages": [m for said in request.messages for m in _messages(said)],
        }
        schema = schema or request.output_schema
        system = [m.text for m in request.messages if m.role == "system" and m.text]
        if system:
            body["system"] = "\n\n".join(system)
        if request.tools:
            body["tools"] = [_tool(tool) for tool in request.tools]
        if schema is not None:
            form = {"type": "json_schema", "schema": schema}
            body["output_config"] = {"format": form}
        return body


# -- Our words into theirs -----------------------------------------------------------


def _messages(message: Message) -> Iterator[JsonObject]:
    """Yield a message; the API refuses one that says nothing."""
    blocks = [_block(part) for part in message.parts if _says_something(part)]
    if blocks and message.role != "system":
        role = "assistant" if message.role == "assistant" else "user"
        yield {"role": role, "content": blocks}


def _says_something(part: Part) -> bool:
    return not isinstance(part, Text) or (not part.text.isspace() and bool(part.text))


def _block(part: Part) -> JsonObject:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if isinstance(part, ToolCall):
        call = {"id": part.call_id, "name": part.name, "input": part.arguments}
        return {"type": "tool_use"} | call
    result = {"tool_use_id": part.call_id, "content": part.text}
    failed = {} if part.error is None else {"is_error": True}
    return {"type": "tool_result"} | result | failed


def _tool(tool: ToolDefinition) -> JsonObject:
    return {
        "name": tool.name,
        "description": tool.description,
        "input_schema": tool.parameters,
    }


# -- Their words into ours -----------------------------------------------------------


def _response(document: JsonObject, request_id: str | None) -> Response:
    parts = [part for block in document["content"] for part in _parts(block)]
    return Response(
        message=Message(role="assistant", parts=tuple(parts)),
        stop_reason=_REASONS.get(str(document.get("stop_reason")), "other"),
        usage=_usage(document.get("usage")),
        model=str(document.get("model") or ""),
        request_id=request_id,
    )


def _parts(block: JsonObject) -> Iterator[Part]:
    """Yield what a block means to us; reasoning and the like is left out."""
    if block["type"] == "text" and block["text"]:
        yield Text(text=str(block["text"]))
    elif block["type"] == "tool_use":
        given = block.get("input") or {}
        yield ToolCall(
            call_id=str(block["id"]),
            name=str(block["name"]),
            arguments=arguments_of(given) if isinstance(given, str) else dict(given),
        )


def _usage(usage: Json) -> Usage:
    cached = counted(usage, "cache_read_input_tokens")
    written = counted(usage, "cache_creation_input_tokens")
    return Usage(
        input_tokens=counted(usage, "input_tokens") + cached + written,
        output_tokens=counted(usage, "output_tokens"),
        cached_input_tokens=cached,
        cache_write_tokens=written,
        reasoning_tokens=counted(usage, "output_tokens_details", "thinking_tokens"),
        calls=1,
    )


class _Gathered:
    """The pieces of a stream, put together to what a whole answer would say."""

    def __init__(self) -> None:
        self._document: JsonObject = {}
        self._blocks: dict[int, tuple[JsonObject, list[str]]] = {}

    def add(self, event: JsonObject) -> str:
        """Take a piece and return the text in it."""
        match event["type"]:
            case "content_block_delta":
                return self._add_delta(event["index"], event["delta"])
            case "content_block_start":
                block = dict(event["content_block"])
                text = block.pop("text", "")
                self._blocks[event["index"]] = (block, [text] if text else [])
                return str(text)
            case "message_start":
                self._document = dict(event["message"])
            case "message_delta":
                spent = event.get("usage") or {}
                known = {key: n for key, n in spent.items() if n is not None}
                usage = (self._document.get("usage") or {}) | known
                self._document |= event["delta"] | {"usage": usage}
        return ""

    def _add_delta(self, index: int, delta: JsonObject) -> str:
        pieces = self._blocks[index][1]
        match delta["type"]:
            case "text_delta":
                pieces.append(delta["text"])
                return str(delta["text"])
            case "input_json_delta":
                pieces.append(delta["partial_json"])
        return ""

    def response(self, request_id: str | None) -> Response:
        """Return the whole answer."""
        blocks = [self._block(index) for index in self._blocks]
        return _response(self._document | {"content": blocks}, request_id)

    def _block(self, index: int) -> JsonObject:
        block, pieces = self._blocks[index]
        if block["type"] == "text":
            return block | {"text": "".join(pieces)}
        return block | {"input": "".join(pieces) or block.get("input")}
