"""A plugin made on the spot, for tests that need one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, get_args

import zg_core as zg


@dataclass(frozen=True)
class FunctionAgent:
    """An agent whose ``run`` is a function."""

    function: Callable[[zg.Context], Awaitable[Any]]

    async def run(self, ctx: zg.Context) -> Any:
        return await self.function(ctx)


class FunctionGuardrail:
    """A guardrail whose ``check`` is a function."""

    def __init__(self, function: Callable[[Any, zg.Inspection], Any]) -> None:
        self.check = function


class Offering:
    """Offers agents, made of functions or objects, and tools.

    Guardrails and exporters are functions or objects too; the ``spec`` of a guardrail
    says where it stands, which otherwise is everywhere.
    """

    def __init__(
        self,
        *tools: zg.ToolSpec,
        called: str = "",
        classifiers: dict[str, object] | None = None,
        guardrails: dict[str, Any] | None = None,
        exporters: dict[str, object] | None = None,
        **agents: Any,
    ) -> None:
        self.__name__ = called or type(self).__name__
        self._tools = tools
        self._agents = agents
        self._classifiers = classifiers or {}
        self._guardrails = guardrails or {}
        self._exporters = exporters or {}

    @zg.hookimpl
    def zg_register_agents(self) -> list[zg.AgentSpec]:
        return [
            zg.AgentSpec(name=name, factory=lambda agent=agent: _agent(agent))
            for name, agent in self._agents.items()
        ]

    @zg.hookimpl
    def zg_register_tools(self) -> list[zg.ToolSpec]:
        return list(self._tools)

    @zg.hookimpl
    def zg_register_classifiers(self) -> list[zg.ClassifierSpec]:
        return [
            zg.ClassifierSpec(name=name, factory=lambda c=c: c)
            for name, c in self._classifiers.items()
        ]

    @zg.hookimpl
    def zg_register_guardrails(self) -> list[zg.GuardrailSpec]:
        return [
            zg.GuardrailSpec(
                name=name,
                factory=lambda g=g: g if hasattr(g, "check") else FunctionGuardrail(g),
                **getattr(g, "spec", {"stages": frozenset(get_args(zg.Stage))}),
            )
            for name, g in self._guardrails.items()
        ]

    @zg.hookimpl
    def zg_register_exporters(self) -> list[zg.ExporterSpec]:
        return [
            zg.ExporterSpec(name=name, factory=lambda e=e: e)
            for name, e in self._exporters.items()
        ]


def _agent(agent: Any) -> Any:
    return agent if hasattr(agent, "run") else FunctionAgent(agent)


def flow(*steps: str, **needs: str) -> zg.Workflow:
    """Make a workflow whose steps are named after their agents."""
    return zg.Workflow(
        "test",
        tuple(
            zg.Step(name, agent=name, needs=tuple(needs.get(name, "").split()))
            for name in steps
        ),
    )


def say(text: str) -> Callable[[zg.Context], Awaitable[zg.Reply]]:
    """Make an agent that always says the same, without a model."""

    async def run(ctx: zg.Context) -> zg.Reply:
        return zg.Reply(output=text)

    return run


def ask(*, tools: tuple[str, ...] = (), **options: Any) -> Callable[[zg.Context], Any]:
    """Make an agent that puts its prompt to the model and replies what it answers."""

    async def run(ctx: zg.Context) -> zg.Reply:
        answer = await ctx.complete(
            [zg.Message.user(ctx.prompt)], tools=tools, **options
        )
        return zg.Reply(output=answer.text)

    return run
