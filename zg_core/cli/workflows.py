"""``zg workflows``: list, show, check and begin workflows."""

from __future__ import annotations

import click

from ._completion import complete_workflow
from ._groups import Group
from ._invocation import current_invocation, json_option
from .listings import list_offers

__all__ = ["workflows"]

_EXAMPLE = """\b
Examples:
  zg workflows show optimized
  zg workflows new review
  zg run --workflow review.toml "A price list for a bakery"
"""


@click.group(cls=Group, invoke_without_command=True, epilog=_EXAMPLE)
@json_option
@click.pass_context
def workflows(ctx: click.Context) -> None:
    """List the workflows; show or check one, or begin one of your own."""
    if not ctx.invoked_subcommand:
        list_offers("workflow")


@workflows.command("list", epilog="Example: zg workflows list --json")
@json_option
def list_() -> None:
    """List the workflows that there are."""
    list_offers("workflow")


@workflows.command("show", epilog="Example: zg workflows show optimized --mermaid")
@click.argument("name", metavar="NAME_OR_FILE", shell_complete=complete_workflow)
@click.option("--mermaid", "form", flag_value="mermaid", help="Draw it in Mermaid.")
@click.option("--toml", "form", flag_value="toml", help="Write it as a file has it.")
@json_option
def show(name: str, form: str | None) -> None:
    """Show the steps of a workflow, by its name or from a file."""
    from ._workflow_views import show_workflow

    invocation = current_invocation()
    if form and invocation.output.as_json:
        raise click.UsageError(f"--{form} goes without --json")
    show_workflow(invocation, name, form)


@workflows.command("check", epilog="Example: zg workflows check review.toml")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path())
@json_option
def check(files: tuple[str, ...]) -> int:
    """Check that workflow files are right, and what they name is there."""
    from ._workflow_views import check_files

    return check_files(current_invocation(), files)


@workflows.command("new", epilog="Example: zg workflows new review")
@click.argument("name")
@json_option
def new(name: str) -> None:
    """Begin a workflow: write NAME.toml here, with five steps that work."""
    from ._workflow_example import write_example

    write_example(current_invocation().output, name)
