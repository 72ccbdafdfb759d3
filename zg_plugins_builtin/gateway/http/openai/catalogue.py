"""What may be asked as a model: each agent, and each workflow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Security

import zg_core as zg

from ...jobs import Jobs
from ..json_body import JsonRoute
from ..models import Answer
from ..requirements import require
from .errors import ModelNotFoundError

__all__ = ["Model", "find_model", "routes_of"]

Reader = Security(require("agents:read"))
_Kind = Literal["agent", "workflow"]
_WORKFLOW = "workflow:"
_TALKS = "conversation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """An agent or a workflow, as a model.

    Args:
        id: What clients name it by: an agent's name, or ``workflow:NAME``.
        offer: Where it comes from.
    """

    id: str
    offer: zg.Contribution

    @property
    def agent(self) -> str | None:
        """The agent's qualified name, if it is one."""
        return self.offer.qualified if self.offer.kind == "agent" else None

    @property
    def workflow(self) -> str | None:
        """The workflow's qualified name, if it is one."""
        return self.offer.qualified if self.offer.kind == "workflow" else None

    @property
    def talks(self) -> bool:
        """Whether what its model writes is what it replies."""
        spec = self.offer.spec
        return isinstance(spec, zg.AgentSpec) and _TALKS in spec.capabilities


class ModelAnswer(Answer):
    """A model, as OpenAI's clients know it."""

    id: str
    object: str = "model"
    created: int = 0
    owned_by: str
    description: str


class ModelsAnswer(Answer):
    """The models that there are."""

    object: str = "list"
    data: list[ModelAnswer]


def find_model(name: str, host: zg.PluginHost) -> Model:
    """Return a model by its id; an agent may have its qualified name as well.

    Raises:
        ModelNotFoundError: If there is none.
    """
    kind: _Kind = "workflow" if name.startswith(_WORKFLOW) else "agent"
    try:
        offer = host.find(kind, name.removeprefix(_WORKFLOW))
    except zg.UnknownNameError as error:
        raise ModelNotFoundError from error
    return Model(id=name, offer=offer)


def routes_of(jobs: Jobs) -> APIRouter:
    """Return the routes.

    Args:
        jobs: The jobs, by whose engine agents and workflows are known.
    """
    routes = APIRouter(prefix="/v1", route_class=JsonRoute, tags=["openai"])

    @routes.get("/models", dependencies=[Reader])
    async def models() -> ModelsAnswer:
        """List what a completion may name as its model."""
        return ModelsAnswer(data=list(map(_shown, _models(jobs.engine.host))))

    @routes.get("/models/{model}", dependencies=[Reader])
    async def model(model: Annotated[str, Path(max_length=200)]) -> ModelAnswer:
        """Answer with a model."""
        return _shown(find_model(model, jobs.engine.host))

    return routes


def _models(host: zg.PluginHost) -> Iterator[Model]:
    kinds: tuple[tuple[_Kind, str], ...] = (("agent", ""), ("workflow", _WORKFLOW))
    for kind, prefix in kinds:
        for offer in host.all(kind):
            yield Model(id=prefix + _name(kind, offer, host), offer=offer)


def _name(kind: _Kind, offer: zg.Contribution, host: zg.PluginHost) -> str:
    """Return the short name of what is meant by it, else the qualified one."""
    try:
        meant = host.find(kind, offer.name)
    except zg.UnknownNameError:  # several plugins offer it
        return offer.qualified
    return offer.name if meant is offer else offer.qualified


def _shown(model: Model) -> ModelAnswer:
    offer = model.offer
    plugin = offer.qualified.partition(":")[0]
    return ModelAnswer(
        id=model.id,
        owned_by=plugin,
        description=str(getattr(offer.spec, "description", "")),
    )
