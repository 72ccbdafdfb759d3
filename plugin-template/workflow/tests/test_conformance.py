"""The plugin keeps the contract, as everybody's does."""

from __future__ import annotations

from zg_core.testing import WorkflowConformance


class TestExampleWorkflow(WorkflowConformance):
    """What holds for every plugin of the kind; see the documentation of each test."""

    plugin = "zg-example"
    workflow = "example"
