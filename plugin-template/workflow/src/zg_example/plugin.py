"""What the plugin offers: a workflow, which is data."""

from __future__ import annotations

import zg_core.plugin_api as zg

from .workflows import WORKFLOW


@zg.hookimpl
def zg_register_workflows() -> list[zg.WorkflowSpec]:
    """Offer the workflow."""
    return [
        zg.WorkflowSpec(
            name=WORKFLOW.name, description=WORKFLOW.description, workflow=WORKFLOW
        )
    ]
