"""Answers that keep an agent's tool loop going for so many rounds, then end it."""

from __future__ import annotations

from ..._json import JsonObject
from ...messages import Message, ToolCall
from ...models import Response
from .answers import WireRequest
from .fitting import fitting

__all__ = ["tool_round"]


def tool_round(asked: WireRequest, rounds: int) -> Response | None:
    """Return a wish for the first tool of a request, as long as there are rounds left.

    How many went before is told by the results in the request, so that any number of
    conversations may go on at once.

    Args:
        asked: The request.
        rounds: How many results there are before the answer.
    """
    tools = asked.body.get("tools")
    done = sum(map(_results, asked.body.get("messages") or asked.body["input"]))
    if not tools or done >= rounds:
        return None
    name, schema = _shown(tools[0])
    call = ToolCall(call_id=f"call_{done + 1}", name=name, arguments=fitting(schema))
    message = Message(role="assistant", parts=(call,))
    return Response(message=message, stop_reason="tool_calls")


def _results(message: JsonObject) -> int:
    """Count results of tools in a message: OpenAI's is one, Anthropic's has some."""
    if message.get("role") == "tool" or message.get("type") == "function_call_output":
        return 1
    content = message.get("content")
    if not isinstance(content, list):
        return 0
    return sum(part.get("type") == "tool_result" for part in content)


def _shown(tool: JsonObject) -> tuple[str, JsonObject]:
    """Return the name of a tool, and the schema of its arguments."""
    function = tool.get("function", tool)
    return function["name"], function.get("parameters") or function["input_schema"]
