"""What the commands of ``zg --server ADDRESS runs`` do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

import zg_core as zg
from zg_core import current_invocation

from ._following import follow
from ._opening import called, job_called, job_id_of, opened
from ._report import (
    command_for,
    exit_code,
    note_waiting,
    open_questions,
    print_result,
    print_spending,
)
from ._views import view_of
from ._words import in_words, local_time, status_of

__all__ = [
    "cancel_job",
    "fetch_files",
    "list_jobs",
    "remove_jobs",
    "retry_job",
    "show_job",
    "watch_job",
]

_INTERRUPTED = 130


async def list_jobs(chosen: Mapping[str, str], limit: int) -> None:
    """Print runs, the latest first."""
    output = current_invocation().output
    async with opened() as client:
        found = [
            job
            async for job in client.jobs(
                limit=limit, status=chosen.get("status"), state=chosen.get("state")
            )
        ]
    output.document([{"run_id": job.job_id, **job.raw} for job in found])
    if not found:
        output.say(f'there are no runs on the server; begin one: {called("run")} "…"')
        return
    output.table(
        ["RUN", "STATUS", "BEGUN", "OBJECTIVE"],
        [
            (job.job_id, status_of(job), local_time(job.created_at), job.objective)
            for job in found
        ],
    )


async def show_job(name: str, *, events: bool) -> None:
    """Print what a run did, or all that happened in it."""
    output = current_invocation().output
    async with opened() as client:
        job = await job_called(client, name)
        if events:
            told = [event async for event in client.past_events(job.job_id)]
            output.document([dict(event.raw) for event in told])
            for event in told:
                if text := in_words(event):
                    output.say(f"{event.seq:>4}  {local_time(event.ts)}  {text}")
            return
        spent = (await job.spent()).data
        artifacts = await job.artifacts()
        asked = [q async for q in open_questions(client, job.job_id)]
    output.document(
        {
            "run_id": job.job_id,
            **job.raw,
            "models": [dict(one.raw) for one in spent],
            "artifacts": [dict(one.raw) for one in artifacts],
            "questions": [dict(one.raw) for one in asked],
        }
    )
    output.say(f"{job.job_id}: {' '.join(job.objective.split()):.100}")
    print_spending(output, spent)
    for question in asked:
        output.say(f"waits: {command_for(question)}")
    print_result(output, job, spent)
    if artifacts:
        count = f"{len(artifacts)} file{'s' * (len(artifacts) != 1)}"
        output.say(f"it gave {count}: {called('runs files')} {job.job_id}")


async def watch_job(name: str, *, after: int, through: bool) -> int:
    """Show what happens in a run until it ends, and return the exit code."""
    output = current_invocation().output
    async with opened() as client:
        job_id = await job_id_of(client, name)
        lines = output if output.as_json else None
        with view_of(output) as view:
            followed = await follow(
                client, job_id, view, after=after, through=through, output=lines
            )
        job = followed.job
        if job is None:
            again = called(f"runs watch {job_id}")
            output.note(f"the run goes on; watch on with: {again}")
            return _INTERRUPTED
        spent = (await job.spent()).data
        questions = [q async for q in open_questions(client, job_id)]
    print_result(output, job, spent)
    if job.waits:
        note_waiting(output, job, questions)
    return exit_code(job)


async def cancel_job(name: str, reason: str) -> None:
    """Ask for a run to be stopped."""
    output = current_invocation().output
    async with opened() as client:
        job = await client.cancel(await job_id_of(client, name), reason)
    status = status_of(job)
    output.document({"run_id": job.job_id, "status": status, "done": job.ended})
    said = f"is {status}" if job.ended else "was asked to stop"
    output.say(f"run {job.job_id} {said}")


async def retry_job(name: str) -> None:
    """Have what a run was for done once more."""
    output = current_invocation().output
    async with opened() as client:
        job = await client.retry(await job_id_of(client, name))
    output.document({"run_id": job.job_id, **job.raw})
    watch = called(f"runs watch {job.job_id}")
    output.say(f"run {job.job_id} begins; watch it with: {watch}")


async def fetch_files(name: str, out: str | None) -> None:
    """Fetch the files that a run gave."""
    output = current_invocation().output
    async with opened() as client:
        job = await job_called(client, name)
        folder = Path(out) if out else Path("zg-runs") / job.job_id
        files = await job.save_artifacts(folder)
    output.document({"run_id": job.job_id, "files": [str(path) for path in files]})
    output.say(f"{len(files)} file{'s' * (len(files) != 1)} in {folder}")


async def remove_jobs(names: Sequence[str], *, ask: bool) -> None:
    """Have the server forget runs.

    Raises:
        InputError: If nobody can be asked, and nobody said that it is meant.
    """
    output = current_invocation().output
    async with opened() as client:
        found = [await job_id_of(client, name) for name in names]
        if ask and not output.terminal:
            raise zg.InputError(
                "what a server forgets is gone, and nobody can be asked here",
                "say that it is meant: --yes",
            )
        if ask and not click.confirm(f"Forget {', '.join(found)}?", err=True):
            output.say("nothing was forgotten")
            return
        for job_id in found:
            await client.delete(job_id)
    output.document({"removed": found})
    output.say(f"forgot {len(found)} run{'s' * (len(found) != 1)}")
