"""``zg --server ADDRESS run``: have a server work on an objective."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import zg_core as zg
from zg_core import current_invocation, json_option

from ._opening import here_only, opened

if TYPE_CHECKING:
    from ..asynchronous import AsyncClient, AsyncJob
    from ._views import View

__all__ = ["run"]

_STDIN = "-"
_OWN = "it has its own"
_MOST = 1_000_000  # bytes of an objective; what is longer is refused for its length
_AMOUNT = click.FloatRange(min=0, min_open=True)


@click.command(epilog='Example: zg --server https://zg.example.com run "Write a haiku"')
@click.argument("objective")
@click.option("--workflow", metavar="NAME", help="The workflow; else the server's own.")
@click.option("--agent", metavar="NAME", help="One agent alone.")
@click.option(
    "--max-usd", type=_AMOUNT, metavar="USD", help="The most the run may cost."
)
@click.option(
    "--max-tokens", type=click.IntRange(min=1), metavar="N", help="The most tokens."
)
@click.option(
    "--max-calls", type=click.IntRange(min=1), metavar="N", help="The most model calls."
)
@click.option(
    "--timeout", type=_AMOUNT, metavar="SECONDS", help="The longest the run may take."
)
@click.option(
    "--priority", type=click.Choice(["low", "normal", "high"]), help="How urgent it is."
)
@click.option(
    "--out", metavar="DIR", help="The folder for the files; else below ./zg-runs."
)
@click.option(
    "--stream/--no-stream",
    default=None,
    help="Show answers while they come; else on a terminal only.",
)
@click.option(
    "--approve",
    type=click.Choice(["always"]),
    help="Have people asked about whatever does more than look.",
)
@here_only("--input", why="it reads no files of this machine")
@here_only("--dry-run", why="what would be done is known only there", flag=True)
@here_only("--replay", why="it replays no recordings")
@here_only("--live", why="it replays no recordings", flag=True)
@here_only("--agents", why="which may be chosen from is its own matter; see --agent")
@here_only("--model", why=_OWN)
@here_only("--fallback", why=_OWN)
@here_only("--no-download", why=_OWN, flag=True)
@here_only("--metrics-port", why=_OWN)
@here_only("--runtime", why=_OWN)
@json_option
def run(objective: str, out: str | None, stream: bool | None, **wanted: Any) -> int:
    """Have a server work on OBJECTIVE: say in plain words what is to be made.

    With - for OBJECTIVE, the objective is read from standard input. Ctrl-C stops the
    run. If the connection breaks the run goes on, and is shown again once the server
    can be reached.
    """
    import anyio

    text = _objective(objective)
    return anyio.run(partial(_run, text, out=out, stream=stream, **wanted))


def _objective(text: str) -> str:
    if text != _STDIN:
        return text
    if not sys.stdin:
        raise zg.InputError("standard input is closed", "pipe something into it")
    try:
        return sys.stdin.buffer.read(_MOST).decode().removesuffix("\n")
    except UnicodeError as error:
        raise zg.InputError(
            "the objective on standard input is not UTF-8", "write it as UTF-8 text"
        ) from error


async def _run(
    objective: str, *, out: str | None, stream: bool | None, **wanted: Any
) -> int:
    from ._report import exit_code, note_waiting, open_questions, print_result
    from ._views import view_of

    output = current_invocation().output
    async with opened() as client:
        job = await client.submit(objective, **_wanted(wanted))
        output.say(f"run {job.job_id} on {current_invocation().server}")
        ended = await _watched(client, job, view_of(output, stream=stream))
        spent = (await ended.spent()).data
        folder = Path(out) if out else Path("zg-runs") / ended.job_id
        try:
            files = await ended.save_artifacts(folder) if ended.ended else []
        except zg.ZeroGravityError:
            if not output.as_json:  # what it gave was paid for
                print_result(output, ended, spent)
            raise
        questions = [q async for q in open_questions(client, ended.job_id)]
    output.document(
        {
            "run_id": ended.job_id,
            **ended.raw,
            "out": str(folder) if files else None,
            "files": [str(path) for path in files],
        }
    )
    print_result(output, ended, spent, folder=folder, files=files)
    if ended.waits:
        note_waiting(output, ended, questions)
    return exit_code(ended)


async def _watched(client: AsyncClient, job: AsyncJob, view: View) -> AsyncJob:
    """Show a job, and ask whoever is there what it waits for, until it rests."""
    from ._attending import ask_all, somebody_is_there
    from ._following import follow

    output, seen = current_invocation().output, 0
    while True:
        with view:
            followed = await follow(client, job.job_id, view, after=seen, stop=True)
        latest, seen = followed.job or job, followed.seen
        if not latest.waits or not somebody_is_there(output):
            return latest
        if not await ask_all(client, job.job_id, output):
            return await latest.refresh()


def _wanted(given: dict[str, Any]) -> dict[str, Any]:
    """Return what is asked for in the words of the service."""
    usd = given["max_usd"]
    budget = {
        "max_cost_usd_micros": None if usd is None else max(round(usd * 1e6), 1),
        "max_tokens": given["max_tokens"],
        "max_model_calls": given["max_calls"],
    }
    limits = {name: most for name, most in budget.items() if most is not None}
    return {
        "workflow": given["workflow"],
        "agent": given["agent"],
        "priority": given["priority"],
        "timeout_s": given["timeout"],
        "approval": given["approve"],
        "budget": limits or None,
    }
