"""Workflows of which each but the first breaks the contract in one way."""

import contextlib

import anyio

import zg_core.plugin_api as zg


class Ask:
    async def run(self, ctx):
        answer = await ctx.complete([zg.Message.user(ctx.prompt)])
        return zg.Reply(output=answer.text)


class Stay(Ask):
    async def run(self, ctx):
        try:
            return await super().run(ctx)
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(1.5)


class Fail:
    async def run(self, ctx):
        raise zg.RunError("it never works")


class Break:
    async def run(self, ctx):
        return zg.Reply(output={}["missing"])


class Mix:
    async def run(self, ctx):
        self.prompt = ctx.prompt
        await ctx.complete([zg.Message.user(ctx.prompt)])
        return zg.Reply(output=self.prompt)


class Reach:
    async def run(self, ctx):
        with contextlib.suppress(OSError):
            await anyio.connect_tcp("127.0.0.1", 9)
        return zg.Reply(output="")


AGENTS = (Ask, Stay, Fail, Break, Mix, Reach)


@zg.hookimpl
def zg_register_agents():
    return [
        zg.AgentSpec(
            name=f"seed-{kind.__name__.lower()}",
            description="Has its place in a workflow.",
            factory=f"{__name__}:{kind.__name__}",
        )
        for kind in AGENTS
    ]


def _flow(name, agent, **fields):
    first = zg.Step("first", agent="seed-ask")
    second = zg.Step("second", agent=agent, needs=("first",), **fields)
    return zg.WorkflowSpec(name=name, workflow=zg.Workflow(name, (first, second)))


@zg.hookimpl
def zg_register_workflows():
    return [
        _flow("sound", "seed-ask"),
        _flow("names-nobody", "an-agent-nobody-has"),
        zg.WorkflowSpec(
            name="stays",
            workflow=zg.Workflow("stays", (zg.Step("first", agent="seed-stay"),)),
        ),
        _flow("fails", "seed-fail"),
        _flow("breaks", "seed-break"),
        _flow("mixes", "seed-mix"),
        _flow("reaches", "seed-reach"),
        _flow("is-impatient", "seed-ask", timeout_seconds=1e-9),
        _flow("degrades", "seed-fail", on_error="fallback"),
    ]
