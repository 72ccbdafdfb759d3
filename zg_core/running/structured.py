"""Answers that fit a JSON Schema: ask, check, and ask again with the exact error."""

from __future__ import annotations

import json
from dataclasses import replace

from .._json import Json, JsonObject
from .._schema import argument_errors
from ..errors import OutputError
from ..messages import Message
from ..models import Response
from .asking import Ask
from .model_calls import ModelCalls

__all__ = ["complete_structured"]

_ROUNDS = 3

# The two sentences below are part of the protocol between us and a model, like a
# schema itself; what an agent is told to do never stands in the core.
_ASK_FOR_JSON = (
    "Answer with one JSON value and nothing else. It must fit this JSON Schema:\n"
)
_ASK_AGAIN = "That does not fit the JSON Schema:\n{}\nAnswer with the right JSON alone."


async def complete_structured(
    calls: ModelCalls, ask: Ask, schema: JsonObject
) -> Response:
    """Return an answer whose ``data`` fits *schema*.

    A server that can be held to a schema is given it; any other model is shown
    it. An answer that wants tools is returned as it is.

    Raises:
        OutputError: If three answers in a row did not fit.
    """
    native = calls.chain(ask.model)[0].info.output_schema
    if not native:
        shown = Message.system(_ASK_FOR_JSON + json.dumps(schema, ensure_ascii=False))
        ask = replace(ask, messages=(shown, *ask.messages), output_schema=None)
    errors: list[str] = []
    for _ in range(_ROUNDS):
        response = await calls.answer(ask)
        if response.message.tool_calls:
            return response
        try:
            data = _parsed(response.text)
            errors = argument_errors(schema, data)
        except ValueError as error:
            errors = [f"it is no JSON: {error}"]
        else:
            if not errors:
                return replace(response, data=data)
        again = Message.user(_ASK_AGAIN.format("\n".join(errors)))
        ask = replace(ask, messages=(*ask.messages, response.message, again))
    raise OutputError(
        f"the model's answer does not fit the output schema: {errors[0]}",
        "name a more capable model, or ask for simpler output",
        errors=errors,
    )


def _parsed(text: str) -> Json:
    """Parse an answer, also within the fence that models like to put around JSON."""
    text = text.strip()
    if text.startswith("```"):
        text = text.partition("\n")[2].rpartition("```")[0]
    return json.loads(text)
