"""``zg runs approvals|approve|reject|answer``: let people decide."""

from __future__ import annotations

from functools import partial

import click

from ._groups import Command
from ._invocation import current_invocation, json_option
from ._wanted import text_option

__all__ = ["APPROVALS"]

_by_option = text_option(
    "--by", metavar="NAME", help="Who decides; else who you are on this machine."
)
_digest_option = text_option(
    "--digest",
    metavar="SHA256",
    help="What was looked at, as it is shown: refuse to decide if it is something "
    "else by now.",
)


@click.command(
    "approvals", cls=Command, epilog="Example: zg runs approvals last --json"
)
@click.argument("run", required=False)
@json_option
def approvals(run: str | None) -> None:
    """Show what runs ask people about: RUN alone, or all of them.

    What is shown of a call is exactly what would be done, with characters that a
    terminal would obey written as JSON writes them.
    """
    import anyio

    from ._approvals import list_approvals

    anyio.run(partial(list_approvals, current_invocation(), run))


@click.command(
    "approve", cls=Command, epilog="Example: zg runs approve last 1f2e3d4c --by Ann"
)
@click.argument("run")
@click.argument("call")
@text_option(
    "--edit",
    metavar="JSON|@FILE",
    help="Do it with these arguments instead; all of them.",
)
@click.option("--reason", default="", help="Why, for the record.")
@_by_option
@_digest_option
@json_option
def approve(
    run: str,
    call: str,
    edit: str | None,
    reason: str,
    by: str | None,
    digest: str | None,
) -> None:
    """Allow a call that RUN asks about.

    CALL is the call's id, or the beginning of it; zg runs approvals shows it.
    """
    import anyio

    from ._approvals import decide_run

    anyio.run(
        partial(
            decide_run,
            current_invocation(),
            run,
            call,
            allow=True,
            edit=edit,
            digest=digest,
            by=by,
            reason=reason,
        )
    )


@click.command(
    "reject",
    cls=Command,
    epilog='Example: zg runs reject last 1f2e3d4c --reason "not before Monday"',
)
@click.argument("run")
@click.argument("call")
@click.option("--reason", default="", help="Why; the model is told.")
@_by_option
@_digest_option
@json_option
def reject(
    run: str, call: str, reason: str, by: str | None, digest: str | None
) -> None:
    """Refuse a call that RUN asks about; the run goes on without it.

    CALL is the call's id, or the beginning of it; zg runs approvals shows it.
    """
    import anyio

    from ._approvals import decide_run

    anyio.run(
        partial(
            decide_run,
            current_invocation(),
            run,
            call,
            allow=False,
            digest=digest,
            by=by,
            reason=reason,
        )
    )


@click.command(
    "answer", cls=Command, epilog='Example: zg runs answer last 5a6b7c8d "blue"'
)
@click.argument("run")
@click.argument("call")
@click.argument("value")
@_by_option
@json_option
def answer(run: str, call: str, value: str, by: str | None) -> None:
    """Answer a question that RUN asks.

    CALL is the question's id, or the beginning of it; zg runs approvals shows it.
    VALUE is the answer, or @FILE where a file has it: text, or, where the question
    has a schema, JSON that fits it.
    """
    import anyio

    from ._approvals import answer_run

    anyio.run(partial(answer_run, current_invocation(), run, call, value, by=by))


APPROVALS = (approvals, approve, reject, answer)
"""The commands of ``zg runs`` that are for people who decide."""
