"""What is asked of a model, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from ._json import Json, JsonObject
from .messages import Message
from .usage import Usage

__all__ = [
    "Chunk",
    "ModelInfo",
    "Request",
    "Response",
    "StopReason",
    "ToolDefinition",
]

StopReason: TypeAlias = Literal["end", "tool_calls", "max_tokens", "refusal", "other"]
"""Why a model stopped: it was done, wants tools, ran out of room, or will not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """What a model can do, as far as agents have to know.

    Attributes:
        tools: Whether it calls tools.
        output_schema: Whether it can be held to a JSON Schema by its server; to
            which, a provider that is `Enforcing` says of each request.
        images: Whether it can be shown images.
        small: Whether it needs short prompts and tiny schemas.
        context_tokens: How much it can read, prompt and answer together.
        max_output_tokens: How much it can write in one answer.
    """

    tools: bool = True
    output_schema: bool = True
    images: bool = True
    small: bool = False
    context_tokens: int | None = None
    max_output_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolDefinition:
    """A tool as it is shown to a model.

    Attributes:
        name: The wire name; every provider accepts ``^[a-zA-Z0-9_-]{1,64}$``.
        description: What it does, for the model.
        parameters: JSON Schema of the arguments: always of type ``object``.
    """

    name: str
    description: str
    parameters: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One question to a model, complete: nothing else influences the answer.

    Attributes:
        model: The model's name, as its provider knows it (no ``provider:``).
        messages: The conversation so far; system messages come first.
        tools: The tools it may ask for.
        output_schema: JSON Schema the answer's text must fit, as JSON.
        max_output_tokens: The most it may write.
        temperature: 0 (the likeliest words) and up; `None` is the model's own.
    """

    model: str
    messages: tuple[Message, ...]
    tools: tuple[ToolDefinition, ...] = ()
    output_schema: JsonObject | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A model's whole answer to one `Request`.

    Attributes:
        message: What it said and which tools it wants.
        stop_reason: Why it stopped.
        usage: What the provider counted, with ``calls=1``.
        model: The model that answered, in the provider's words.
        request_id: The vendor's id of the exchange, for its support.
        cost_usd: The price, where the provider itself knows it; a local model's
            is 0. `None` leaves it to the price table.
        data: The answer as JSON, where the request had an output schema.
    """

    message: Message
    stop_reason: StopReason = "end"
    usage: Usage = Usage(calls=1)
    model: str = ""
    request_id: str | None = None
    cost_usd: float | None = None
    data: Json = None

    @property
    def text(self) -> str:
        """The text of the answer."""
        return self.message.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A piece of an answer under way.

    A stream is any number of chunks with text, then one with the whole
    `response`, which says everything the pieces did.
    """

    text: str = ""
    response: Response | None = None
