"""Answers that fit a schema: ask, check, and ask again with the exact error."""

from __future__ import annotations

from dataclasses import replace

from .._json import Json
from .._shapes import Shape
from ..errors import OutputError
from ..messages import Message
from ..models import Response
from .answers import parsed
from .asking import Ask
from .model_calls import ModelCalls

__all__ = ["complete_structured"]

_ROUNDS = 3

# Part of the protocol between us and a model; see `strategies`.
_ASK_AGAIN = (
    "That does not fit the JSON Schema:\n{}\n"
    "Answer again, with a JSON value that fits and nothing else."
)
_CUT_OFF = "the output limit cut the answer off; write less"


async def complete_structured(calls: ModelCalls, ask: Ask, shape: Shape) -> Response:
    """Return an answer whose ``data`` has a shape.

    An answer that wants tools, and a refusal, are returned as they are.

    Raises:
        OutputError: If three answers in a row did not fit.
    """
    ask = replace(ask, output_schema=shape.schema)
    errors: list[str] = []
    for _ in range(_ROUNDS):
        response = await calls.answer(ask)
        if response.message.tool_calls or response.stop_reason == "refusal":
            return response
        data, errors = _judged(response, shape)
        if not errors:
            return replace(response, data=data)
        again = Message.user(_ASK_AGAIN.format("\n".join(errors)))
        ask = replace(ask, messages=(*ask.messages, response.message, again))
    raise OutputError(
        "the model's answer does not fit the output schema: " + "; ".join(errors[:3]),
        "name a more capable model, or ask for simpler output",
        errors=errors,
    )


def _judged(response: Response, shape: Shape) -> tuple[Json, list[str]]:
    """Return an answer as JSON, and in what it does not fit."""
    data: Json = None
    try:
        data = parsed(response.text)
        errors = shape.errors(data)
    except ValueError as error:
        errors = [str(error)]
    if errors and response.stop_reason == "max_tokens":
        errors = [_CUT_OFF, *errors]
    return data, errors
