"""Anthropic's messages."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Iterable, Iterator

from zg_core.plugin_api import (
    Chunk,
    ConfigError,
    Image,
    Json,
    JsonObject,
    Message,
    ModelInfo,
    Part,
    Progress,
    ProviderRequestError,
    Reasoning,
    Request,
    Response,
    Settings,
    StopReason,
    Text,
    ToolCall,
    ToolDefinition,
    Usage,
)

from ._call_ids import CallIds, with_call_ids
from ._closed_schema import is_enforceable
from ._estimates import with_cut_images
from ._refused_fields import with_anthropic_setting
from ._service import Service, model_info, section
from ._vendor import Vendor
from ._wire_json import arguments_of, counted, dump_json

__all__ = ["MAX_OUTPUT_TOKENS", "AnthropicProvider", "make"]

MAX_OUTPUT_TOKENS = 16_384
"""The bound of an answer where nobody says one; the API wants one always."""

_PATH = "/v1/messages"
_FORMAT = "anthropic"
_HIDDEN_TOKENS = 2048
"""More than the server adds of its own, such as how to call tools."""
_CALL_IDS = CallIds(allowed=re.compile("[a-zA-Z0-9_-]+"), length=32)
_REASONS: dict[str, StopReason] = {
    "end_turn": "end",
    "stop_sequence": "end",
    "tool_use": "tool_calls",
    "max_tokens": "max_tokens",
    "model_context_window_exceeded": "max_tokens",
    "refusal": "refusal",
}
"""``pause_turn`` is told of tools that run at the vendor's, and none are asked for."""
_THINKING = {"adaptive": "adaptive", "off": "disabled"}
_LEAST_THINKING = 1024
_THOUGHTS = ("thinking", "redacted_thinking")
_PIECES = {
    "text_delta": "text",
    "input_json_delta": "partial_json",
    "thinking_delta": "thinking",
}
"""The kinds of deltas, and where their piece of the block's text is."""


def make(settings: Settings) -> AnthropicProvider:
    """Make the provider of Anthropic itself, or of another server by ``base_url``."""
    return AnthropicProvider(section(settings, "anthropic"))


class AnthropicProvider:
    """Serves Anthropic's models.

    The API has no temperature any more, so a request's is not sent.

    Args:
        settings: Its section: ``base_url``, ``api_key``, ``timeout_seconds``, the
            fields of `ModelInfo`; ``thinking``, whether a model thinks before it
            answers: as it sees fit (``"adaptive"``), or not (``"off"``); how hard it
            tries (``effort``); ``thinking_tokens``, how much it may think, for older
            models, which want to be told; and ``prompt_cache``, whether what it reads
            is kept for the next request: ``"always"``, ``"never"``, or where one will
            come that begins the same (``"auto"``).

    Raises:
        ConfigError: If a setting does not fit, or ``thinking`` and ``thinking_tokens``
            are both set.
    """

    def __init__(self, settings: Settings) -> None:
        service = Service(
            provider="anthropic", package="anthropic", env="ANTHROPIC_API_KEY"
        )
        self._vendor = Vendor(service, settings)
        self._info = model_info(settings, max_output_tokens=MAX_OUTPUT_TOKENS)
        self._cache: str = settings.get("prompt_cache", "auto")
        self._effort: str | None = settings.get("effort")
        self._thinking: str | None = settings.get("thinking")
        self._thinking_tokens: int = settings.get("thinking_tokens", 0)
        if self._thinking and self._thinking_tokens:
            raise ConfigError(
                "the provider anthropic is set both thinking and thinking_tokens",
                "take thinking_tokens away, which only older models know",
            )

    def info(self, model: str) -> ModelInfo:
        """Say what the settings say; by default that it can do everything."""
        return self._info

    def estimate(self, request: Request) -> int:
        """Return the bytes of the request: no tokenizer makes more tokens of them.

        An image counts as much as one can, at most.
        """
        words = dump_json(repr(request.output_schema))  # which it may be sent in, too
        body = self._body(with_cut_images(request))
        return len(dump_json(body)) + len(words) + _HIDDEN_TOKENS

    def enforces(self, request: Request) -> bool:
        """Tell whether the API can hold an answer to all that a schema allows."""
        return request.output_schema is None or is_enforceable(request.output_schema)

    async def complete(self, request: Request) -> Response:
        """Answer a request."""
        body = self._body(request, await self._enforceable(request.output_schema))
        try:
            document, request_id = await self._vendor.ask(_PATH, body)
        except ProviderRequestError as error:
            raise with_anthropic_setting(error) from error.__cause__
        return self._vendor.understand(_response, document, request_id)

    async def stream(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """Answer a request in pieces."""
        body = self._body(request, await self._enforceable(request.output_schema))
        body |= {"stream": True}
        gathered = _Gathered()
        try:
            async with self._vendor.stream(_PATH, body) as (events, request_id):
                async for event in events:
                    if text := self._vendor.understand(gathered.add, event):
                        yield Chunk(text=text)
        except ProviderRequestError as error:
            raise with_anthropic_setting(error) from error.__cause__
        yield Chunk(response=self._vendor.understand(gathered.response, request_id))

    async def prepare(self, model: str, progress: Progress, *, download: bool) -> None:
        """See that there is a key, before a run is begun that would need it."""
        self._vendor.check_key()

    async def close(self) -> None:
        """Close all connections."""
        await self._vendor.close()

    async def _enforceable(self, schema: JsonObject | None) -> JsonObject | None:
        """Return a schema in the words the API can enforce; the package knows how."""
        if schema is None or not is_enforceable(schema):
            return schema  # who asks for it all the same lets the server judge
        package = await self._vendor.package()
        transformed: JsonObject = package.transform_schema(schema)
        return transformed

    def _body(self, request: Request, schema: JsonObject | None = None) -> JsonObject:
        most = request.max_output_tokens or self._info.max_output_tokens or 0
        body: JsonObject = {
            "model": request.model,
            "max_tokens": most,
            "messages": _turns(with_call_ids(request.messages, _CALL_IDS)),
        }
        schema = schema or request.output_schema
        system = [m.text for m in request.messages if m.role == "system" and m.text]
        if system:
            body["system"] = "\n\n".join(system)
        if request.tools:
            body["tools"] = [_tool(tool) for tool in request.tools]
        config: JsonObject = {"effort": self._effort} if self._effort else {}
        if schema is not None:
            config["format"] = {"type": "json_schema", "schema": schema}
        if config:
            body["output_config"] = config
        if self._keeps(request):
            body["cache_control"] = {"type": "ephemeral"}
        if thinking := self._thinks(body["messages"], most):
            body["thinking"] = thinking
        return body

    def _thinks(self, turns: list[JsonObject], most: int) -> JsonObject | None:
        """Return how a model is told to think, if it is."""
        if self._thinking:
            return {"type": _THINKING[self._thinking]}
        if self._thinking_tokens and most > _LEAST_THINKING and _may_think(turns):
            budget = min(self._thinking_tokens, most - 1)
            return {"type": "enabled", "budget_tokens": budget}
        return None

    def _keeps(self, request: Request) -> bool:
        """Tell whether to have the prompt cached: writing costs more than reading."""
        if self._cache != "auto":
            return self._cache == "always"
        return bool(request.tools) or any(
            message.role == "assistant" for message in request.messages
        )


# -- Our words into theirs -----------------------------------------------------------


def _turns(messages: Iterable[Message]) -> list[JsonObject]:
    """Return a conversation of turns: what one side says is one message.

    The API wants the results of calls to be the first it hears after them, and
    refuses a message that says nothing, or ends in a thought that led to nothing.
    """
    turns: list[JsonObject] = []
    for message in messages:
        parts = [part for part in message.parts if _says_something(part)]
        while parts and isinstance(parts[-1], Reasoning):
            parts.pop()
        if not parts or message.role == "system":
            continue
        blocks = [_block(part) for part in parts]
        role = "assistant" if message.role == "assistant" else "user"
        if turns and turns[-1]["role"] == role:
            blocks = turns.pop()["content"] + blocks
            if role == "user":
                blocks.sort(key=lambda block: block["type"] != "tool_result")
        turns.append({"role": role, "content": blocks})
    return turns


def _may_think(turns: list[JsonObject]) -> bool:
    """Tell whether a model may be told to think: not amid calls begun without."""
    for turn in reversed(turns):
        if turn["role"] == "assistant":
            kinds = {block.get("type") for block in turn["content"]}
            return "tool_use" not in kinds or not kinds.isdisjoint(_THOUGHTS)
    return True


def _says_something(part: Part) -> bool:
    if isinstance(part, Text):
        return bool(part.text) and not part.text.isspace()
    return not isinstance(part, Reasoning) or part.provider == _FORMAT


def _block(part: Part) -> JsonObject:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if isinstance(part, Image):
        source = {"media_type": part.media_type, "data": part.data}
        return {"type": "image", "source": {"type": "base64"} | source}
    if isinstance(part, Reasoning):
        return part.data
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
    """Yield what a block means to us; what we did not ask for means nothing.

    A thought without a signature was cut off, and would be refused.
    """
    if block["type"] == "text" and block["text"]:
        yield Text(text=str(block["text"]))
    elif block["type"] in _THOUGHTS:
        if block.get("signature") or block.get("data"):
            yield Reasoning(provider=_FORMAT, data=block)
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
                text = block.get("text") or block.get("thinking") or ""
                self._blocks[event["index"]] = (block, [text] if text else [])
                return str(text) if block["type"] == "text" else ""
            case "message_start":
                self._document = dict(event["message"])
            case "message_delta":
                spent = event.get("usage") or {}
                known = {key: n for key, n in spent.items() if n is not None}
                usage = (self._document.get("usage") or {}) | known
                self._document |= event["delta"] | {"usage": usage}
        return ""

    def _add_delta(self, index: int, delta: JsonObject) -> str:
        block, pieces = self._blocks[index]
        kind = delta["type"]
        if key := _PIECES.get(kind):
            piece: str = delta[key]
            pieces.append(piece)
            return piece if kind == "text_delta" else ""
        if kind == "signature_delta":
            block["signature"] = f"{block.get('signature') or ''}{delta['signature']}"
        return ""

    def response(self, request_id: str | None) -> Response:
        """Return the whole answer."""
        blocks = [self._block(index) for index in self._blocks]
        return _response(self._document | {"content": blocks}, request_id)

    def _block(self, index: int) -> JsonObject:
        block, pieces = self._blocks[index]
        match block["type"]:
            case "text" | "thinking" as kind:
                return block | {kind: "".join(pieces)}
            case "tool_use":
                return block | {"input": "".join(pieces) or block.get("input")}
        return block
