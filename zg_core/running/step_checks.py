"""Whether all is there, and can be used, that a workflow gives its steps."""

from __future__ import annotations

from .._validation import argument_errors
from ..errors import PluginError, WorkflowError
from ..plugins import PluginHost
from ..workflows import Workflow

__all__ = ["check_steps"]


def check_steps(workflow: Workflow, host: PluginHost) -> None:
    """Look for the tools of steps, and at their schemas, before anything is done.

    Raises:
        UnknownNameError: If there is no tool of a name.
        WorkflowError: If an output schema is not valid.
    """
    for step in workflow.steps:
        for tool in step.tools or ():
            host.find("tool", tool, prefer=host.find("agent", step.agent).plugin)
        if step.output_schema is None:
            continue
        try:
            argument_errors(step.output_schema, None)
        except PluginError as error:
            raise WorkflowError(
                f"'output_schema' of step {step.name!r} cannot be used: {error.cause}",
                error.remedy,
                step=step.name,
                field="output_schema",
            ) from error
