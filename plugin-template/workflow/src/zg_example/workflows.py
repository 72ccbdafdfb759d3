"""The workflow: its steps, what each is asked, and what it waits for."""

from __future__ import annotations

import zg_core.plugin_api as zg

WORKFLOW = zg.Workflow(
    "example",
    (
        zg.Step("plan", agent="builtin:architect"),
        zg.Step(
            "build",
            agent="builtin:engineer",
            needs=("plan",),
            prompt="{input}\n\nThis is the plan. Do its first step only.\n\n{plan}",
        ),
    ),
    description="Plans all of it, and makes the first part.",
)
