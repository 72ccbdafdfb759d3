"""Make of a request one whose bytes are as many as its tokens, at the least.

No tokenizer makes more tokens of a text than it has bytes; of an image, models make
far fewer.
"""

from __future__ import annotations

from dataclasses import replace

from zg_core.plugin_api import Image, Message, Part, Request

__all__ = ["with_cut_images"]

_IMAGE_TOKENS = 50_000
"""More than any model makes of one image, however large its file is."""


def with_cut_images(request: Request) -> Request:
    """Return a request whose images have no more bytes than one may have tokens.

    Where and how often they stand in what is sent is for the caller to know.
    """
    return replace(request, messages=tuple(map(_cut, request.messages)))


def _cut(message: Message) -> Message:
    if not any(map(_is_large, message.parts)):
        return message
    parts = (
        replace(part, data=part.data[:_IMAGE_TOKENS])
        if isinstance(part, Image)
        else part
        for part in message.parts
    )
    return replace(message, parts=tuple(parts))


def _is_large(part: Part) -> bool:
    return isinstance(part, Image) and len(part.data) > _IMAGE_TOKENS
