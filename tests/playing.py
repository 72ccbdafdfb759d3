"""An installed plugin with a model, agents and workflows, for tests of ``zg``."""

from __future__ import annotations

PLAY = '''
    import logging
    import signal
    import anyio
    import zg_core as zg
    from zg_core.testing import ScriptedProvider

    requests = []

    def answer(request):
        requests.append(request)
        return f"Answer {len(requests)}."

    def provider():
        return ScriptedProvider(answer, repeat=True)

    class Ask:
        """Asks the model, and writes what it says into a file."""

        async def run(self, ctx):
            text = ""
            message = zg.Message.user(ctx.prompt)
            async for chunk in ctx.stream([message]):
                text += chunk.text
            await ctx.progress("writing", 0.5)
            await ctx.write_artifact(f"{ctx.step}.txt", text)
            return zg.Reply(output=text, artifacts=(f"{ctx.step}.txt",))

    class Quiet:
        async def run(self, ctx):
            files = {path: ctx.workspace.read(path).decode() for path in ctx.files}
            return zg.Reply(output=files or "nothing to say")

    class Wait:
        async def run(self, ctx):
            await anyio.sleep(60)

    class Interrupted:
        async def run(self, ctx):
            await ctx.progress("about to be interrupted")
            signal.raise_signal(signal.SIGINT)
            await anyio.sleep(60)

    class Slow:
        """Lets an answer be seen while it comes, then fails once and goes on."""

        async def run(self, ctx):
            async for chunk in ctx.stream([zg.Message.user("x")]):
                await anyio.sleep(0.15)
            await anyio.sleep(0.15)
            return zg.Reply(output="slow")

    class Stubborn:
        async def run(self, ctx):
            while True:
                try:
                    await anyio.sleep(60)
                except anyio.get_cancelled_exc_class():
                    pass

    class Talk:
        async def run(self, ctx):
            print("printed")
            logging.getLogger("play").warning("logged")
            return zg.Reply(output="talked")

    class Fail:
        async def run(self, ctx):
            raise zg.RunError("it went wrong", "try something else")

    class Deeper:
        async def run(self, ctx):
            return await ctx.run_agent("play-deeper", ctx.prompt + "!")

    class Broken:
        async def run(self, ctx):
            raise ValueError("nobody saw this coming")

    class Config:
        async def run(self, ctx):
            ctx.settings.secret("key")

    class Boss:
        """Asks two others at once, one of which fails."""

        async def run(self, ctx):
            wanted = [
                zg.AgentCall(agent="play-ask", prompt="look at it"),
                zg.AgentCall(agent="play-fail", prompt="try it"),
            ]
            results = await ctx.run_agents(wanted)
            return zg.Reply(output=[bool(result.reply) for result in results])

    _AGENTS = Ask, Quiet, Wait, Interrupted, Slow, Stubborn, Talk, Fail, Config, Boss
    _AGENTS += Broken, Deeper

    @zg.hookimpl
    def zg_register_providers():
        return [
            zg.ProviderSpec(
                name="play", factory="zg_play:provider", default_model="toy", free=True
            ),
            zg.ProviderSpec(
                name="dear", factory="zg_play:provider", default_model="toy"
            ),
        ]

    @zg.hookimpl
    def zg_register_agents():
        return [
            zg.AgentSpec(name=f"play-{kind.__name__.lower()}", factory=kind)
            for kind in _AGENTS
        ]

    @zg.hookimpl
    def zg_register_workflows():
        first = zg.Step("first", agent="play-ask")
        second = zg.Step("second", agent="play-ask", needs=("first",))
        return [
            zg.WorkflowSpec(
                name="pair", workflow=zg.Workflow("pair", (first, second))
            ),
            zg.WorkflowSpec(
                name="lame",
                workflow=zg.Workflow(
                    "lame",
                    (
                        first,
                        zg.Step("lost", agent="play-fail", on_error="fallback"),
                        zg.Step("gone", agent="play-fail", on_error="skip"),
                    ),
                ),
            ),
        ]
'''
