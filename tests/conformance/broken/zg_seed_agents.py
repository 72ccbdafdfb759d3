"""Agents of which each but the first breaks the contract in one way."""

import json

import anyio

import zg_core.plugin_api as zg


class Sound:
    """Asks the model twice, and writes down what it says."""

    async def run(self, ctx):
        first = await ctx.complete([zg.Message.user(ctx.prompt)])
        second = await ctx.complete([zg.Message.user(f"Shorter: {first.text}")])
        await ctx.write_artifact("answer.txt", second.text)
        return zg.Reply(output=second.text, artifacts=("answer.txt",))


class IgnoresCancellation:
    async def run(self, ctx):
        try:
            await ctx.complete([zg.Message.user(ctx.prompt)])
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                await anyio.sleep(1.5)
            raise


class SharesState:
    async def run(self, ctx):
        self.ctx = ctx
        answer = await ctx.complete([zg.Message.user(ctx.prompt)])
        return zg.Reply(output=f"{self.ctx.objective}: {answer.text}")


class Remembers:
    seen = []  # noqa: RUF012

    async def run(self, ctx):
        self.seen.append(ctx.objective)
        return zg.Reply(output=len(self.seen))


class ReturnsText:
    async def run(self, ctx):
        return "no Reply"


class ReturnsNoJson:
    async def run(self, ctx):
        return zg.Reply(output={"of": object()})


class BreaksOnOddObjectives:
    async def run(self, ctx):
        return zg.Reply(output=ctx.objective.split()[1])


class TrustsTheModel:
    async def run(self, ctx):
        answer = await ctx.complete([zg.Message.user("Answer in JSON.")])
        return zg.Reply(output=json.loads(answer.text))


class HasItsOwnClient:
    async def run(self, ctx):
        try:
            async with await anyio.connect_tcp("127.0.0.1", 9):
                return zg.Reply(output="reached")
        except OSError:
            return zg.Reply(output="offline")


class RaisesItsOwnError:
    async def run(self, ctx):
        try:
            answer = await ctx.complete([zg.Message.user(ctx.prompt)])
        except zg.ProviderError as error:
            raise RuntimeError("no model") from error
        return zg.Reply(output=answer.text)


class TakesNoContext:
    async def run(self):
        return zg.Reply(output="")


class FactoryIsAsync:
    pass


async def make_async():
    return Sound()


def _spec(kind, **fields):
    name = "".join(f"-{c.lower()}" if c.isupper() else c for c in kind.__name__)[1:]
    factory = f"{__name__}:{kind.__name__}"
    return zg.AgentSpec(
        **{"name": name, "factory": factory, "description": "Broken.", **fields}
    )


@zg.hookimpl
def zg_register_agents():
    kinds = [
        *(Sound, IgnoresCancellation, SharesState, Remembers, ReturnsText),
        *(ReturnsNoJson, BreaksOnOddObjectives, TrustsTheModel, HasItsOwnClient),
        *(RaisesItsOwnError, TakesNoContext),
    ]
    return [
        *map(_spec, kinds),
        _spec(FactoryIsAsync, factory=f"{__name__}:make_async"),
        _spec(Sound, name="undescribed", description=""),
        _spec(Sound, name="without-its-tool", tools=("a_tool_nobody_has",)),
    ]
