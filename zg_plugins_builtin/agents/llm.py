"""The ordinary agent: a model, its tools, and the loop between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import zg_core.plugin_api as zg

from ._together import together

__all__ = ["GO_ON", "SPEAK", "LLMAgent"]

GO_ON = "You reached the output limit. Go on exactly where you stopped; repeat nothing."
"""Said to a model whose answer was cut."""

SPEAK = "Your answer was empty. Say what you did, and what is left to do."
"""Said, once, to a model that ended without a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LLMAgent:
    """Asks a model, calls the tools it wants, and so on until it answers.

    The reply is the model's text, or JSON where there is an output schema. What
    goes wrong with a tool call is told to the model, which can do better. A model
    that calls no tools is offered none.

    Attributes:
        name: What it is called.
        instructions: The system message: who it is and what it is to do.
        tools: Names of the tools the model may call; it is refused all others.
        model: Its own choice of models, in order: ``"anthropic:… , local:…"``.
        output_schema: JSON Schema of the reply; `None` is plain text.
        max_turns: How often the model is asked before the run fails.
        max_output_tokens: The most the model may write in one turn.
        temperature: 0 and up; `None` is the model's own.
    """

    name: str
    instructions: str
    tools: tuple[str, ...] = ()
    model: str | None = None
    output_schema: zg.JsonObject | None = None
    max_turns: int = 12
    max_output_tokens: int | None = None
    temperature: float | None = None

    async def run(self, ctx: zg.Context) -> zg.Reply:
        """Answer the step's prompt; see `answer`."""
        return zg.Reply(output=await self.answer(ctx, ctx.prompt))

    async def answer(self, ctx: zg.Context, prompt: str) -> zg.Json:
        """Return what the model makes of a prompt: text, or JSON that fits the schema.

        Raises:
            RunError: If the model refuses, says nothing, or comes to no end.
        """
        said = [zg.Message.system(self.instructions), zg.Message.user(prompt)]
        text = ""
        silent = False
        for _ in range(self.max_turns):
            response = await self._ask(ctx, said)
            if response.message.tool_calls:
                results = await self._call(ctx, response)
                said += [response.message, zg.Message.tool(*results)]
                continue
            self._check(response)
            if self.output_schema is not None:
                return response.data
            text += response.text
            if response.stop_reason == "max_tokens":
                said += [response.message, zg.Message.user(GO_ON)]
            elif text.strip():
                return text
            elif silent:
                raise zg.RunError(
                    f"the model of agent {self.name!r} ended without an answer",
                    "name another model, or ask for something more definite",
                    agent=self.name,
                )
            else:
                silent = True
                said.append(zg.Message.user(SPEAK))
        raise zg.RunError(
            f"agent {self.name!r} came to no end in {self.max_turns} turns",
            "ask for less at once, or name a more capable model",
            agent=self.name,
            max_turns=self.max_turns,
        )

    async def _ask(self, ctx: zg.Context, said: Sequence[zg.Message]) -> zg.Response:
        info = await ctx.model_info(self.model)
        most = self.max_output_tokens
        if most and info.max_output_tokens:
            most = min(most, info.max_output_tokens)
        return await ctx.complete(
            said,
            tools=self.tools if info.tools else (),
            model=self.model,
            output_schema=self.output_schema,
            max_output_tokens=most,
            temperature=self.temperature,
        )

    def _check(self, response: zg.Response) -> None:
        if response.stop_reason == "refusal":
            raise zg.RunError(
                f"the model of agent {self.name!r} refused: {response.text[:200]}",
                "reword the objective, or name another model",
                agent=self.name,
            )
        if response.stop_reason == "max_tokens" and not response.text.strip():
            raise zg.RunError(
                f"the model of agent {self.name!r} reached its output limit "
                "before it said anything",
                "allow it more output tokens, or name a model that thinks less",
                agent=self.name,
            )

    async def _call(
        self, ctx: zg.Context, response: zg.Response
    ) -> list[zg.ToolResult]:
        """Call all tools a model wants at once; the results are in its order."""
        cut = response.stop_reason == "max_tokens"
        wishes = response.message.tool_calls
        return await together([partial(self._called, ctx, w, cut) for w in wishes])

    async def _called(
        self, ctx: zg.Context, wish: zg.ToolCall, cut: bool
    ) -> zg.ToolResult:
        if not self._offers(wish.name):
            offered = ", ".join(self.tools) or "none"
            error = f"there is no tool {wish.name!r}; the tools are: {offered}"
        elif wish.arguments.keys() == {""}:
            error = "the arguments are no JSON object"
            if cut:
                error += ": the output limit cut them off; write less in one call"
        else:
            result = await ctx.call_tool(wish.name, wish.arguments)
            return replace(result, call_id=wish.call_id)
        return zg.ToolResult(call_id=wish.call_id, error=error)

    def _offers(self, name: str) -> bool:
        """Tell whether a wish is for one of the tools the model was offered.

        An answer has qualified names; the agent may have listed short ones.
        """
        return name in self.tools or name.partition(":")[2] in self.tools
