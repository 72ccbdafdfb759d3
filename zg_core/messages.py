"""What is said between an agent, a model and tools, in no vendor's words."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from ._json import Json, JsonObject
from .errors import InputError

__all__ = [
    "Image",
    "Message",
    "Part",
    "Reasoning",
    "Role",
    "Text",
    "ToolCall",
    "ToolResult",
]

Role: TypeAlias = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A piece of plain text."""

    text: str
    kind: Literal["text"] = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A picture that a model is shown.

    Attributes:
        media_type: ``image/png``, ``image/jpeg``, ``image/gif`` or ``image/webp``,
            which is what all vendors can read.
        data: The file, in base64 (RFC 4648, §4).
    """

    media_type: str
    data: str
    kind: Literal["image"] = "image"

    @classmethod
    def of(cls, content: bytes) -> Image:
        """Make an image of what a file holds.

        Raises:
            InputError: If it is no PNG, JPEG, GIF or WebP.
        """
        media_type = _image_type(content)
        if media_type is None:
            raise InputError(
                "the file is no image that models can read",
                "give a PNG, JPEG, GIF or WebP",
            )
        return cls(media_type=media_type, data=base64.b64encode(content).decode())


def _image_type(content: bytes) -> str | None:
    """Tell an image's type by its first bytes, as RFC 2083 and others fix them."""
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reasoning:
    """What a model thought, sealed: its vendor wants to read it again, word for word.

    A provider puts it into its answer, and hands it back in later requests where
    it is its own; any other provider passes it over.

    Attributes:
        provider: The wire format it belongs to, such as ``anthropic``.
        data: The vendor's own words.
    """

    provider: str
    data: JsonObject
    kind: Literal["reasoning"] = "reasoning"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A model's wish to have a tool called.

    Attributes:
        call_id: The provider's id of the wish; its result must carry the same.
        name: The name the model was shown (the wire name in a provider's hands,
            the tool's qualified name everywhere else).
        arguments: What it wants the tool called with. Text that was no JSON
            object arrives as ``{"": text}`` and never fits a schema.
    """

    call_id: str
    name: str
    arguments: JsonObject
    kind: Literal["tool_call"] = "tool_call"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """What came back from a tool.

    Attributes:
        call_id: The id of the `ToolCall` this answers.
        output: What the tool returned; `None` where it failed.
        error: Why it failed, in words meant for the model; `None` where it did not.
    """

    call_id: str
    output: Json = None
    error: str | None = None
    kind: Literal["tool_result"] = "tool_result"

    @property
    def text(self) -> str:
        """The result as a model reads it: text as it is, anything else as JSON."""
        if self.error is not None:
            return self.error
        if isinstance(self.output, str):
            return self.output
        return json.dumps(self.output, ensure_ascii=False)


Part: TypeAlias = Text | Image | Reasoning | ToolCall | ToolResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn of a conversation."""

    role: Role
    parts: tuple[Part, ...] = field(default=())

    @classmethod
    def system(cls, text: str) -> Message:
        """Make a message that instructs the model."""
        return cls(role="system", parts=(Text(text=text),))

    @classmethod
    def user(cls, text: str, *images: Image) -> Message:
        """Make a message from the user, with the pictures it is about."""
        return cls(role="user", parts=(*images, Text(text=text)))

    @classmethod
    def assistant(cls, text: str) -> Message:
        """Make a message from the model."""
        return cls(role="assistant", parts=(Text(text=text),))

    @classmethod
    def tool(cls, *results: ToolResult) -> Message:
        """Make a message that carries the results of tool calls."""
        return cls(role="tool", parts=results)

    @property
    def text(self) -> str:
        """All text in it, tool results included, in order."""
        return "".join(p.text for p in self.parts if isinstance(p, Text | ToolResult))

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tool calls in it, in order."""
        return tuple(p for p in self.parts if isinstance(p, ToolCall))
