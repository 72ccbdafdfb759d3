"""The agent: finds out which city is meant, asks the service, and says it in words."""

from __future__ import annotations

import zg_core.plugin_api as zg

__all__ = ["Forecaster"]

_CITY: zg.JsonObject = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 100}},
    "required": ["city"],
    "additionalProperties": False,
}
_WHICH = "Name the one city this is about, in English."
_SAY = (
    "Say in two sentences what the weather is like, and what to wear. "
    "Use these measurements and no others."
)


class Forecaster:
    """Says what the weather is like. It works with models that call no tools."""

    async def run(self, ctx: zg.Context) -> zg.Reply:
        """Do the step.

        Raises:
            ToolError: If nobody knows the weather there.
        """
        which = await ctx.complete(
            [zg.Message.system(_WHICH), zg.Message.user(ctx.prompt)],
            output_schema=_CITY,
        )
        found = await ctx.call_tool("current_weather", {"city": which.data["city"]})
        if found.error is not None:
            raise zg.ToolError(
                f"the weather is not known: {found.error}", "ask for another city"
            )
        said = await ctx.complete(
            [zg.Message.system(_SAY), zg.Message.user(f"{ctx.prompt}\n\n{found.text}")]
        )
        return zg.Reply(output=said.text)
