"""A reply that is to fit a schema: as it is, as JSON in a text, or turned into it."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace

from .._json import Json, JsonObject
from .._validation import argument_errors
from ..agents import Reply
from ..contexts import Context
from ..errors import ConfigError, OutputError
from ..messages import Message
from .answers import parsed

__all__ = ["fitted"]

# Part of the protocol between us and a model; see `strategies`.
_ASK = (
    "Turn this into a JSON value that fits the JSON Schema. Keep what it says, and add "
    "nothing to it.\n\n{}"
)


async def fitted(ctx: Context, reply: Reply, schema: JsonObject) -> Reply:
    """Return a reply whose output fits a schema.

    One that does not is given to the model of the step, to be turned into what does.

    Raises:
        OutputError: If that is not possible.
        ProviderError: If no model would answer.
        LimitError: If a limit of the run does not allow to ask one.
    """
    output = reply.output
    errors = argument_errors(schema, output)
    if not errors:
        return reply
    if isinstance(output, str):
        with suppress(ValueError):
            data = parsed(output)
            if not argument_errors(schema, data):
                return replace(reply, output=data)
    asked = Message.user(_ASK.format(_text(output)))
    try:
        response = await ctx.complete(
            [asked], output_schema=schema, max_output_tokens=ctx.max_output_tokens
        )
    except (ConfigError, OutputError) as error:
        raise _misfit(ctx, errors) from error
    if response.stop_reason == "refusal":
        raise _misfit(ctx, errors)
    return replace(reply, output=response.data)


def _misfit(ctx: Context, errors: list[str]) -> OutputError:
    return OutputError(
        f"the output of step {ctx.step!r} does not fit its schema: "
        + "; ".join(errors[:3]),
        "name a more capable model, or ask for simpler output",
        step=ctx.step,
        errors=errors,
    )


def _text(output: Json) -> str:
    if isinstance(output, str):
        return output
    return json.dumps(output, ensure_ascii=False, indent=2)
