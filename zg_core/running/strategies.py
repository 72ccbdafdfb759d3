"""How a model is held to an output schema: by its server, by a tool, or by words.

The choice is made for each model of a chain, right before it is asked; what the
agent asked, and what is recorded of the answer, are the same whatever it is.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace

from .._json import JsonObject
from .._schema_limits import subschemas
from ..messages import Message, Text, ToolCall
from ..models import Chunk, ModelInfo, Request, Response, ToolDefinition
from ..providers import Enforcing, Provider
from .asking import Link

__all__ = ["held_to_schema"]

# These sentences are part of the protocol between us and a model, like a schema
# itself; what an agent is told to do never stands in the core.
_ASK_FOR_JSON = (
    "Answer with one JSON value and nothing else. It must fit this JSON Schema:\n"
)
_ASK_FOR_CALL = "Give your final answer by calling the tool {}, and only so."
_DESCRIPTION = "Gives the final answer."
_WRAPPED = "value"
_NOT_AT_TOP = frozenset(("$ref", "allOf", "anyOf", "const", "enum", "not", "oneOf"))


def held_to_schema(chain: tuple[Link, ...], request: Request) -> tuple[Link, ...]:
    """Return a chain for a request with an output schema.

    A model whose server can be held to the schema is given it. One that calls tools
    is offered a tool for its answer; any other is shown the schema.
    """
    return tuple(
        link
        if _is_enforced(link, request)
        else replace(link, provider=_Held(link.provider, link.info))
        for link in chain
    )


def _is_enforced(link: Link, request: Request) -> bool:
    if not link.info.output_schema:
        return False
    provider = link.provider
    return not isinstance(provider, Enforcing) or provider.enforces(
        replace(request, model=link.model)
    )


@dataclass(frozen=True, slots=True)
class _Held:
    """A provider whose model is held to a schema without its server."""

    _provider: Provider
    _info: ModelInfo

    def info(self, model: str) -> ModelInfo:
        return self._provider.info(model)

    def estimate(self, request: Request) -> int:
        return self._provider.estimate(self._sent(request))

    async def complete(self, request: Request) -> Response:
        response = await self._provider.complete(self._sent(request))
        return self._restored(request, response)

    async def stream(self, request: Request) -> AsyncGenerator[Chunk, None]:
        async with aclosing(self._provider.stream(self._sent(request))) as chunks:
            async for chunk in chunks:
                if chunk.response is not None:
                    whole = self._restored(request, chunk.response)
                    chunk = replace(chunk, response=whole)
                yield chunk

    async def close(self) -> None:
        await self._provider.close()

    def _sent(self, request: Request) -> Request:
        schema, tools = request.output_schema, request.tools
        assert schema is not None
        if self._info.tools:
            name = _tool_name(tools)
            told = _ASK_FOR_CALL.format(name)
            tools = (*tools, _tool(name, schema))
        else:
            told = _ASK_FOR_JSON + json.dumps(schema, ensure_ascii=False)
        return replace(
            request,
            messages=(Message.system(told), *request.messages),
            tools=tools,
            output_schema=None,
        )

    def _restored(self, request: Request, response: Response) -> Response:
        """Return an answer as if its text had been held to the schema.

        Where other tools are wanted besides, they come first: it answered too soon.
        """
        schema = request.output_schema
        assert schema is not None
        name = _tool_name(request.tools)
        wishes = response.message.tool_calls if self._info.tools else ()
        given = [wish for wish in wishes if wish.name == name]
        if not given:
            return response
        kept = tuple(part for part in response.message.parts if part not in given)
        if any(isinstance(part, ToolCall) for part in kept):
            message = replace(response.message, parts=kept)
            return replace(response, message=message)
        answers = "\n".join(_answer(wish, schema) for wish in given)
        kept = tuple(part for part in kept if not isinstance(part, Text))
        message = replace(response.message, parts=(*kept, Text(text=answers)))
        stop = "end" if response.stop_reason == "tool_calls" else response.stop_reason
        return replace(response, message=message, stop_reason=stop)


def _tool_name(tools: tuple[ToolDefinition, ...]) -> str:
    taken = {tool.name for tool in tools}
    name = "answer"
    while name in taken:
        name += "_"
    return name


def _tool(name: str, schema: JsonObject) -> ToolDefinition:
    parameters = schema if _is_object(schema) else _wrapped(schema)
    return ToolDefinition(name=name, description=_DESCRIPTION, parameters=parameters)


def _is_object(schema: JsonObject) -> bool:
    """Tell whether vendors take a schema as it is for a tool's parameters."""
    return schema.get("type") == "object" and _NOT_AT_TOP.isdisjoint(schema)


def _wrapped(schema: JsonObject) -> JsonObject:
    """Return the schema of an object around a value; a tool takes nothing else."""
    inner: JsonObject = json.loads(json.dumps(schema))
    inner.pop("$id", None)
    inner.pop("$schema", None)
    for _, part in subschemas(inner):
        if "$ref" in part:  # they are told from the root
            part["$ref"] = f"#/properties/{_WRAPPED}{part['$ref'][1:]}"
    return {
        "type": "object",
        "properties": {_WRAPPED: inner},
        "required": [_WRAPPED],
        "additionalProperties": False,
    }


def _answer(wish: ToolCall, schema: JsonObject) -> str:
    if wish.arguments.keys() == {""}:  # it was no JSON object
        return str(wish.arguments[""])
    given: object = wish.arguments
    if not _is_object(schema) and wish.arguments.keys() == {_WRAPPED}:
        given = wish.arguments[_WRAPPED]
    return json.dumps(given, ensure_ascii=False)
