"""What there is to be asked: agents and tools."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path, Security

import zg_core as zg

from ..errors import NotFoundError
from .json_body import JsonRoute
from .models import Answer
from .requirements import require

__all__ = ["routes_of"]

Reader = Security(require("agents:read"))


class AgentAnswer(Answer):
    """An agent that an objective may name."""

    name: str
    qualified: str
    description: str
    task_types: Sequence[str]
    capabilities: Sequence[str]
    tools: Sequence[str]


class ToolAnswer(Answer):
    """A tool that agents may use.

    Args:
        parameters: JSON Schema of its arguments, where the plugin states it.
    """

    name: str
    qualified: str
    description: str
    parameters: dict[str, Any] | None
    risk: str
    effect: str
    capabilities: Sequence[str]
    requires_approval: bool


class AgentsAnswer(Answer):
    """The agents that there are."""

    data: Sequence[AgentAnswer]


class ToolsAnswer(Answer):
    """The tools that there are."""

    data: Sequence[ToolAnswer]


def routes_of(engine: zg.Engine) -> APIRouter:
    """Return the routes.

    Args:
        engine: What has the plugins.
    """
    routes = APIRouter(prefix="/api/v1", route_class=JsonRoute, tags=["catalogue"])

    @routes.get("/agents", dependencies=[Reader])
    async def agents() -> AgentsAnswer:
        """List the agents that an objective may name."""
        return AgentsAnswer(data=[_agent(o) for o in engine.host.all("agent")])

    @routes.get("/agents/{name}", dependencies=[Reader])
    async def agent(name: Annotated[str, Path(max_length=200)]) -> AgentAnswer:
        """Answer with an agent, by its short or its qualified name."""
        try:
            return _agent(engine.host.find("agent", name))
        except zg.UnknownNameError as error:
            raise NotFoundError(
                "there is no such agent", "see /api/v1/agents"
            ) from error

    @routes.get("/tools", dependencies=[Reader])
    async def tools() -> ToolsAnswer:
        """List the tools that agents may use."""
        return ToolsAnswer(data=[_tool(o) for o in engine.host.all("tool")])

    return routes


def _agent(offer: zg.Contribution) -> AgentAnswer:
    spec = offer.spec
    assert isinstance(spec, zg.AgentSpec)
    return AgentAnswer(
        name=offer.name,
        qualified=offer.qualified,
        description=spec.description,
        task_types=spec.task_types,
        capabilities=spec.capabilities,
        tools=spec.tools,
    )


def _tool(offer: zg.Contribution) -> ToolAnswer:
    spec = offer.spec
    assert isinstance(spec, zg.ToolSpec)
    return ToolAnswer(
        name=offer.name,
        qualified=offer.qualified,
        description=spec.description,
        parameters=spec.parameters,
        risk=spec.risk,
        effect=spec.effect,
        capabilities=sorted(spec.capabilities),
        requires_approval=spec.requires_approval,
    )
