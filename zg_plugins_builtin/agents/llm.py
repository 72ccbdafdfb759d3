"""The ordinary agent: a model, its tools, and the loop between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import zg_core.plugin_api as zg

from ._bound import Bound
from ._pace import nearly_spent
from ._pictures import pictures
from ._together import together

__all__ = ["FINISH", "GO_ON", "SPEAK", "LLMAgent"]

FINISH = "Your budget is nearly used up. Give your final answer now; call no tools."
"""Said, once, to a model with tools when the next answer may be the last."""

GO_ON = "You reached the output limit. Go on exactly where you stopped; repeat nothing."
"""Said to a model whose answer was cut."""

SPEAK = "Your answer was empty. Say what you did, and what is left to do."
"""Said, once, to a model that ended without a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LLMAgent:
    """Asks a model, calls the tools it wants, and so on until it answers.

    The reply is the model's text, or JSON where there is an output schema. What
    goes wrong with a tool call is told to the model, which can do better. A model
    that calls no tools is offered none. When a limit is near, it is asked for its final
    answer, and no tool is called any more. Pictures among the files that the run was
    given are shown to a model that can see them. In a conversation, what was said
    before goes before the prompt. What the workflow says of the step's tools and output
    schema goes before what the agent says of them. An answer that reaches the length
    that the workflow lets it have ends there, as it is.

    Attributes:
        name: What it is called.
        instructions: The system message: who it is and what it is to do.
        tools: Names of the tools the model may call; it is refused all others.
        model: Its own choice of models, in order: ``"anthropic:… , local:…"``.
        output_schema: JSON Schema of the reply, or a type that pydantic knows, such
            as a model of its; `None` is plain text.
        max_turns: How often the model is asked before the run fails.
        max_output_tokens: The most the model may write in one turn.
        temperature: 0 and up; `None` is the model's own.
    """

    name: str
    instructions: str
    tools: tuple[str, ...] = ()
    model: str | None = None
    output_schema: zg.JsonObject | type[Any] | None = None
    max_turns: int = 12
    max_output_tokens: int | None = None
    temperature: float | None = None

    async def run(self, ctx: zg.Context) -> zg.Reply:
        """Answer the step's prompt; see `answer`."""
        wanted = ctx.output_schema
        agent = self if wanted is None else replace(self, output_schema=wanted)
        return zg.Reply(output=await agent.answer(ctx, ctx.prompt))

    async def answer(self, ctx: zg.Context, prompt: str) -> zg.Json:
        """Return what the model makes of a prompt: text, or JSON that fits the schema.

        The tools are those of the workflow's step, if it names any; the schema is the
        agent's own. One that nobody else asked for is answered whole: what is cut
        there would be no answer at all.

        Raises:
            RunError: If the model refuses, says nothing, or comes to no end.
        """
        if ctx.tools is not None and ctx.tools != self.tools:
            return await replace(self, tools=ctx.tools).answer(ctx, prompt)
        said = await self._opening(ctx, prompt)
        asked_for = self.output_schema == ctx.output_schema
        bound = Bound(ctx.max_output_tokens if asked_for else None)
        text = ""
        silent = last = False
        left = zg.Remaining()
        for _ in range(self.max_turns):
            if self.tools and not last:
                then, left = left, await ctx.remaining()
                last = nearly_spent(then, left)
                said += [zg.Message.user(FINISH)] if last else []
            response = await self._ask(ctx, said, bound)
            if response.message.tool_calls:
                results = await self._call(ctx, response, last)
                said += [response.message, zg.Message.tool(*results)]
                continue
            ends = bound.ends(response)
            if not (ends and text.strip()):
                self._check(response)
            if self.output_schema is not None:
                return response.data
            text += response.text
            if ends:
                return text
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

    async def _opening(self, ctx: zg.Context, prompt: str) -> list[zg.Message]:
        shown = await pictures(ctx, self.model)
        asked = zg.Message(role="user", parts=(*shown, zg.Text(text=prompt)))
        before = await ctx.conversation()
        return [zg.Message.system(self.instructions), *before, asked]

    async def _ask(
        self, ctx: zg.Context, said: Sequence[zg.Message], bound: Bound
    ) -> zg.Response:
        info = await ctx.model_info(self.model)
        most = bound.of_call(self.max_output_tokens, info.max_output_tokens)
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
        self, ctx: zg.Context, response: zg.Response, last: bool
    ) -> list[zg.ToolResult]:
        """Call all tools a model wants at once; the results are in its order."""
        cut = response.stop_reason == "max_tokens"
        wishes = response.message.tool_calls
        if last:
            return [zg.ToolResult(call_id=w.call_id, error=FINISH) for w in wishes]
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
