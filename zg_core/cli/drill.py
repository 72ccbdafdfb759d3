"""``zg drill``: do something with faults injected, and see what it bears."""

from __future__ import annotations

import click

from ._groups import Command, RootGroup
from ._invocation import current_invocation, json_option

__all__ = ["drill"]

_EXAMPLE = """\b
Faults, each as KIND@PROBABILITY, separated by commas:
  400 … 599      the HTTP status; 429:2 asks to wait 2 s
  timeout        no answer in time; timeout:30 takes 30 s
  truncate       a real answer that breaks off
  reset          a connection that is lost before an answer
  slow           a real answer, a second late; slow:5 five
  garbage        an answer that makes no sense
MODEL=KIND@PROBABILITY is for one model, or one provider: the faults that name it
hold for it instead of those that name none.

\b
Example:
  zg drill --inject 429@0.2,500@0.05,timeout@0.05,truncate@0.02 --seed 7 -- \\
    run "Build a booking site for a yoga studio"
"""


@click.command(
    cls=Command,
    epilog=_EXAMPLE,
    context_settings={"allow_interspersed_args": False},
)
@click.option(
    "--inject",
    metavar="FAULTS",
    multiple=True,
    help="What goes wrong, and how likely; several add up.",
)
@click.option(
    "--down",
    metavar="MODEL",
    multiple=True,
    help="A model, or a provider, that never answers.",
)
@click.option(
    "--seed",
    type=int,
    default=0,
    show_default=True,
    help="The same seed gives the same drill.",
)
@json_option
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_context
def drill(
    ctx: click.Context,
    inject: tuple[str, ...],
    down: tuple[str, ...],
    seed: int,
    command: tuple[str, ...],
) -> int:
    """Do COMMAND while calls to models go wrong, and report how it fared.

    COMMAND is any command of zg that asks models, without the zg. Requests that no
    fault befalls are real, and cost money.
    """
    from zg_core.drills import Drill

    from ._drilling import Drilling

    invocation = current_invocation(ctx)
    output = invocation.output
    output.as_json |= "--json" in command  # behind a --, where nobody looked for it
    faults = ",".join(inject)
    drilling = Drilling(Drill.parse(faults, seed=seed, down=down), output)
    root = ctx.find_root()
    assert isinstance(root.command, RootGroup)
    name, *arguments = command
    found = root.command.get_command(root, name)
    if found is None or name == ctx.info_name:
        raise click.UsageError(f"{name!r} cannot be put under a drill")
    invocation.output, invocation.drilling = drilling.output, drilling
    try:
        with found.make_context(name, arguments, parent=root) as inner:
            code = found.invoke(inner)
    finally:
        invocation.output = output
    code = code if isinstance(code, int) else 0
    drilling.report(code)
    return code
