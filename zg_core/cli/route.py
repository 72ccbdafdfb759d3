"""``zg route``: show which agents an objective gets and why, and how well that goes."""

from __future__ import annotations

from functools import partial

import click

from ._completion import complete, complete_workflow
from ._groups import Command, CommandWithCommands, complete_command
from ._invocation import current_invocation, json_option

__all__ = ["route"]

_EXAMPLE = """\b
Example:
  zg route "Plan a strategy for the spring sale"
  zg route eval --classifier keyword
"""
_EVAL_EXAMPLE = """\b
Example:
  zg route eval --classifier keyword --classifier trained
  zg route eval --data objectives.jsonl --json
"""
_model_option = click.option(
    "--model",
    metavar="PROVIDER:MODEL",
    help="The model, where the classifier asks one; else as found.",
)


@click.group(cls=CommandWithCommands, invoke_without_command=True, epilog=_EXAMPLE)
@click.argument("objective", shell_complete=complete_command)
@click.option(
    "--classifier",
    metavar="NAME",
    shell_complete=complete("classifier"),
    help="The classifier; else the configured one.",
)
@click.option(
    "--workflow",
    metavar="NAME_OR_FILE",
    shell_complete=complete_workflow,
    help="The workflow, or a file with one; else the configured one.",
)
@_model_option
@json_option
def route(
    objective: str, classifier: str | None, workflow: str | None, model: str | None
) -> None:
    """Show which agents OBJECTIVE gets, and why; nothing is run.

    A classifier may ask a model; what that costs is shown.
    """
    import anyio

    from ._plan import show_route
    from ._starting import read_objective

    text = read_objective(objective)
    show = partial(show_route, classifier=classifier, workflow=workflow, model=model)
    anyio.run(show, current_invocation(), text)


@route.command("eval", cls=Command, epilog=_EVAL_EXAMPLE)
@click.option(
    "--classifier",
    "classifiers",
    metavar="NAME",
    multiple=True,
    shell_complete=complete("classifier"),
    help="A classifier; give it several times for several. Else the configured one.",
)
@click.option(
    "--data",
    metavar="FILE",
    type=click.Path(),
    help='Labelled objectives: on each line {"text": …, "label": …}; else the set '
    "that the classifier brings, or the built-in one.",
)
@click.option(
    "--part",
    type=click.Choice(["test", "train", "all"]),
    help="Which of the objectives; else test, or all where they are not divided.",
)
@_model_option
@json_option
def evaluate(
    classifiers: tuple[str, ...], data: str | None, part: str | None, model: str | None
) -> int:
    """Score classifiers on labelled objectives.

    Where a classifier abstains, general counts as its answer, as in a run. The exit
    code is 1 if one failed at any objective, which counts as a wrong answer.
    """
    import anyio

    from ._scoring import Wish, show_scores

    wish = Wish(classifiers=classifiers, data=data, part=part, model=model)
    return anyio.run(show_scores, current_invocation(), wish)
