"""The agent: what it tells a model, and what it makes of the answer."""

from __future__ import annotations

import zg_core.plugin_api as zg

INSTRUCTIONS = "Answer in one short paragraph, and say what in it you are not sure of."


class ExampleAgent:
    """Asks the model once; the answer is its reply, and a file."""

    async def run(self, ctx: zg.Context) -> zg.Reply:
        """Answer the prompt."""
        response = await ctx.complete(
            [zg.Message.system(INSTRUCTIONS), zg.Message.user(ctx.prompt)]
        )
        path = await ctx.write_artifact("answer.md", f"{response.text}\n")
        return zg.Reply(output=response.text, artifacts=(path,))
