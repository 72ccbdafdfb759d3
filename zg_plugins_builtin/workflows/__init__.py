"""The workflows that come with ZeroGravity, over the four default agents."""

from __future__ import annotations

from dataclasses import replace

import zg_core.plugin_api as zg

__all__ = ["ADAPTIVE", "OPTIMIZED", "SEQUENTIAL", "SOLO", "SPECS", "solo"]

_PLAN = zg.Step("plan", agent="architect")

SEQUENTIAL = zg.Workflow(
    "sequential",
    (
        _PLAN,
        zg.Step("build", agent="engineer", needs=("plan",)),
        zg.Step("design", agent="designer", needs=("plan", "build")),
        zg.Step("deliver", agent="operator", needs=("plan", "build", "design")),
    ),
    description="Plan, build, design, deliver: one after the other.",
)

OPTIMIZED = zg.Workflow(
    "optimized",
    (
        _PLAN,
        zg.Step("build", agent="engineer", needs=("plan",)),
        zg.Step("design", agent="designer", needs=("plan",)),
        zg.Step("deliver", agent="operator", needs=("plan", "build", "design")),
    ),
    description="Plan, then build and design at once, then deliver.",
)

ADAPTIVE = replace(
    OPTIMIZED,
    name="adaptive",
    description="Like optimized, with the agents that the objective's category needs.",
    routed=True,
)


def solo(agent: str) -> zg.Workflow:
    """Return the workflow in which one agent does all."""
    return zg.Workflow(
        "solo",
        (zg.Step("work", agent=agent),),
        description="One agent alone; the engineer, unless another is named.",
    )


SOLO = solo("engineer")

SPECS = tuple(
    zg.WorkflowSpec(name=w.name, description=w.description, workflow=w)
    for w in (ADAPTIVE, OPTIMIZED, SEQUENTIAL, SOLO)
)
