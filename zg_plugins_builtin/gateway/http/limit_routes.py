"""Set what may be spent, and stop what must go no further."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Security
from pydantic import Field, StrictBool, StrictInt

import zg_core as zg

from ..errors import Fault, InvalidRequestError
from ..identity.principals import Principal
from ..jobs import Jobs
from ..limits import Account, Budget, Policy, Switch
from ..limits.policies import MOST
from .callers import check_fresh
from .json_body import JsonRoute
from .models import Answer, Asked, Moment, Text
from .requirements import require
from .services import Services

__all__ = ["routes_of"]

LimitReader = Annotated[Principal, Security(require("admin:limits", rate="read"))]
LimitWriter = Annotated[Principal, Security(require("admin:limits"))]
SwitchReader = Annotated[Principal, Security(require("admin:kill", rate="read"))]
SwitchWriter = Annotated[Principal, Security(require("admin:kill"))]
TenantId = Annotated[str | None, Query(pattern=r"^ten_[0-9a-f]{32}$")]
SwitchId = Annotated[str, Path(pattern=r"^kil_[0-9a-f]{32}$")]
Whose = Annotated[Text, Field(pattern=r"^(ten|usr|key)_[0-9a-f]{32}$")]
Most = Annotated[StrictInt, Field(ge=0, le=MOST)]


class BudgetWanted(Asked):
    """What a tenant, a user or a key may spend; null is no limit."""

    scope: Literal["tenant", "user", "key"]
    id: Whose
    period: Literal["day", "month"]
    tenant_id: Annotated[Text | None, Field(pattern=r"^ten_[0-9a-f]{32}$")] = None
    max_tokens: Most | None = None
    max_cost_usd_micros: Most | None = None
    use_default: StrictBool = False


class OneBudget(Answer):
    """What may be spent, as it was set."""

    scope: str
    id: str
    period: str
    tenant_id: str
    max_tokens: int | None
    max_cost_usd_micros: int | None
    set_by: str
    set_at: Moment | None


class Budgets(Answer):
    """What was set in a tenant: at most 1,000 budgets, by scope and id.

    Args:
        has_more: Whether there are more than these.
    """

    data: Sequence[OneBudget]
    has_more: bool


class SwitchWanted(Asked):
    """What is to be stopped, and why."""

    scope: Literal["global", "tenant", "agent", "tool", "plugin"]
    id: Annotated[Text, Field(min_length=1, max_length=200)] | None = None
    reason: Annotated[Text, Field(min_length=1, max_length=500)]


class OneSwitch(Answer):
    """What was stopped.

    Args:
        known: Whether an agent or a tool of the process that answers is stopped by it;
            always true of all work and of a tenant's.
    """

    switch_id: str
    scope: str
    id: str | None
    known: bool
    tenant_id: str | None
    reason: str
    set_by: str
    set_at: Moment
    lifted_by: str | None
    lifted_at: Moment | None


class SwitchList(Answer):
    """What was stopped, the latest first."""

    data: Sequence[OneSwitch]


def routes_of(jobs: Jobs, services: Services) -> APIRouter:
    """Return the routes.

    Args:
        jobs: The jobs, and what they spend.
        services: What all routes work with.
    """
    routes = APIRouter(prefix="/api/v1/admin", route_class=JsonRoute, tags=["admin"])
    _add_budgets(routes, jobs, services)
    _add_switches(routes, jobs, services)
    return routes


def _add_budgets(routes: APIRouter, jobs: Jobs, services: Services) -> None:
    @routes.get("/limits")
    async def listed(who: LimitReader, tenant_id: TenantId = None) -> Budgets:
        """List what was set; of another tenant, for who administers all."""
        tenant = tenant_id or who.tid
        found, more = await jobs.spending.budgets(who, tenant)
        return Budgets(data=[_budget(one) for one in found], has_more=more)

    @routes.put("/limits")
    async def put(asked: BudgetWanted, who: LimitWriter) -> OneBudget:
        """Set what may be spent in a period, from the next call of a model on."""
        check_fresh(who, services.clock)
        budget = _wanted(asked, who)
        await jobs.spending.set_budget(who, budget)
        return _budget(budget)


def _add_switches(routes: APIRouter, jobs: Jobs, services: Services) -> None:
    @routes.get("/kill-switch")
    async def listed(
        who: SwitchReader, lifted: Annotated[bool, Query()] = False
    ) -> SwitchList:
        """List what is stopped, or ever was."""
        found = await jobs.spending.switches.list(who, lifted=lifted)
        named = _named(jobs.engine.host)
        return SwitchList(data=[_switch(one, *named) for one in found])

    @routes.post("/kill-switch", status_code=201)
    async def stop(asked: SwitchWanted, who: SwitchWriter) -> OneSwitch:
        """Stop something: nothing new is begun of it, and what runs is cancelled.

        A name that nobody has may be one of another process, so that it is taken too;
        ``known`` is false then.
        """
        check_fresh(who, services.clock)
        if (asked.scope == "global") != (asked.id is None):
            fault = Fault("/id", "invalid", "says what is stopped, unless that is all")
            raise InvalidRequestError("1 thing is wrong", "", fault)
        made = await jobs.spending.switches.set(
            who, asked.scope, asked.id or "", asked.reason
        )
        return _switch(made, *_named(jobs.engine.host))

    @routes.delete("/kill-switch/{switch_id}")
    async def lift(switch_id: SwitchId, who: SwitchWriter) -> OneSwitch:
        """Let what was stopped go on."""
        check_fresh(who, services.clock)
        lifted = await jobs.spending.switches.lift(who, switch_id)
        return _switch(lifted, *_named(jobs.engine.host))


def _wanted(asked: BudgetWanted, who: Principal) -> Budget:
    limits = (asked.max_tokens, asked.max_cost_usd_micros)
    if asked.use_default and limits != (None, None):
        fault = Fault("/use_default", "invalid", "goes with no limit beside it")
        raise InvalidRequestError("1 thing is wrong", "", fault)
    tenant = asked.id if asked.scope == "tenant" else asked.tenant_id or who.tid
    account = Account(tenant, asked.scope, asked.id, asked.period)
    if asked.use_default:
        return Budget(account, None)
    micros = asked.max_cost_usd_micros
    nanos = None if micros is None else micros * 1000
    return Budget(account, Policy(asked.max_tokens, nanos), who.actor)


def _budget(budget: Budget) -> OneBudget:
    account, policy = budget.account, budget.policy or Policy()
    return OneBudget(
        scope=account.scope,
        id=account.id,
        period=account.period,
        tenant_id=account.tenant,
        max_tokens=policy.tokens,
        max_cost_usd_micros=None if policy.nanos is None else policy.nanos // 1000,
        set_by=budget.set_by,
        set_at=budget.set_at,
    )


def _switch(switch: Switch, agents: list[str], tools: list[str]) -> OneSwitch:
    return OneSwitch(
        switch_id=switch.id,
        scope=switch.scope,
        id=switch.target or None,
        known=switch.stops(switch.tenant_id or "", agents, tools),
        tenant_id=switch.tenant_id,
        reason=switch.reason,
        set_by=switch.set_by,
        set_at=switch.set_at,
        lifted_by=switch.lifted_by,
        lifted_at=switch.lifted_at,
    )


def _named(host: zg.PluginHost) -> tuple[list[str], list[str]]:
    """Return the qualified names of all agents, and of all tools, that there are."""
    agents = [offer.qualified for offer in host.all("agent")]
    return agents, [offer.qualified for offer in host.all("tool")]
