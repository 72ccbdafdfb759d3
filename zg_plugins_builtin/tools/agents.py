"""The tool by which a model asks another agent."""

from __future__ import annotations

import zg_core.plugin_api as zg

__all__ = ["TOOLS", "ask_agent"]

_SECONDS = 3600.0  # what an agent may take is the step's matter, or the run's


@zg.tool(effect="idempotent", timeout_seconds=_SECONDS)
async def ask_agent(ctx: zg.Context, agent: str, prompt: str) -> zg.JsonObject:
    """Have another agent do a part of the work, and return its reply.

    Args:
        ctx: What asks it; the model does not see this one.
        agent: Its name, such as 'engineer'.
        prompt: What it is to do, with all that it must know; it sees the objective
            and the files of the run, but nothing of this conversation.
    """
    try:
        reply = await ctx.run_agent(agent, prompt)
    except zg.UnknownNameError as error:
        agents = error.details.get("agents", {})
        if error.details.get("name") != agent or not agents:
            raise  # it is the agent that looked for something
        listed = "\n".join(
            f"- {name}: {description}" for name, description in agents.items()
        )
        raise zg.Retry(f"{error.cause}; there are:\n{listed}") from error
    return {"reply": reply.output, "files": [*reply.artifacts]}


TOOLS = (ask_agent,)
