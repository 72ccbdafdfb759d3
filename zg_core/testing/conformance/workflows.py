"""What every workflow must do: name agents that are there, and come to an end."""

from __future__ import annotations

from typing import ClassVar

from ...specs import WorkflowSpec
from ...workflows import Workflow
from .agents import RunsWorkflow
from .base import level

__all__ = ["WorkflowConformance"]


class WorkflowConformance(RunsWorkflow):
    """Standard tests of a workflow, and of its plugin.

    ```python
    class TestTrip(WorkflowConformance):
        plugin = "zg-weather"
        workflow = "trip"
    ```

    Attributes:
        workflow: Its short name.
    """

    workflow: ClassVar[str]
    examples: ClassVar[int] = 6

    def flow(self) -> Workflow:
        """Return it."""
        spec = self.offer("workflow", self.workflow).spec
        assert isinstance(spec, WorkflowSpec)
        return spec.workflow

    def what(self) -> str:
        """Return what it is called in messages."""
        return f"the workflow {self.workflow!r}"

    @level(1)
    def test_its_agents_are_there(self) -> None:
        """A plugin brings the agents of its workflows, or uses built-in ones."""
        host = self.host()
        for step in self.flow().steps:
            host.find("agent", step.agent)
