"""Say what a job gave, what it cost, where its files are, and how to go on."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import zg_core as zg

from ..asynchronous import AsyncClient
from ..records import Approval, JobRecord, ModelUsage, Question
from ._opening import called
from ._words import (
    cost,
    exactly,
    local_name,
    local_time,
    on_one_line,
    status_of,
    tokens,
    took,
)

__all__ = [
    "asked_lines",
    "command_for",
    "exit_code",
    "note_waiting",
    "open_questions",
    "print_result",
    "print_spending",
]

_INTERRUPTED = 130
_CODES = {"completed": 0, "degraded": 4, "paused": 5, "cancelled": _INTERRUPTED}


def exit_code(job: JobRecord) -> int:
    """Return what a command that did the run exits with."""
    return _CODES.get(status_of(job), 1)


def print_result(
    output: Any,
    job: JobRecord,
    spent: Sequence[ModelUsage],
    *,
    folder: Path | None = None,
    files: Sequence[Path] = (),
) -> None:
    """Print how a job ended, or how far it is, for people.

    Args:
        output: Where to.
        job: The job.
        spent: What it spent.
        folder: Where its files were written, if they were.
        files: Those.
    """
    count = sum(one.calls for one in spent)
    used = sum(one.input_tokens + one.output_tokens for one in spent)
    duration = took(job)
    if job.error is not None:
        output.say(f"error: {on_one_line(job.error.get('detail') or '')}")
    output.say(
        f"{status_of(job)}{duration and f' in {duration}'}: "
        f"{count:,} model call{'s' * (count != 1)}, {tokens(used)}, cost {cost(spent)}"
    )
    if files and folder is not None:
        output.say(f"files in {folder}")
        shown = [(path.relative_to(folder.resolve()), path) for path in files]
        width = max(len(str(name)) for name, _ in shown)
        for name, path in shown:
            output.say(f"  {name!s:<{width}}  {path.stat().st_size:,} bytes")
    elif job.result is not None:
        output.say(_text(job.result))
    output.say("go on with:")
    output.say(f"  {called('runs show')} {job.job_id}")
    if not job.ended:
        output.say(f"  {called('runs watch')} {job.job_id}")
    elif job.status == "failed":
        output.say(f"  {called('runs retry')} {job.job_id}")


def print_spending(output: Any, spent: Sequence[ModelUsage]) -> None:
    """Print what each model did in each step."""
    if spent:
        output.table(
            [
                "STEP",
                "AGENT",
                "MODEL",
                "CALLS",
                "FAILED",
                "IN",
                "CACHED",
                "OUT",
                "REASONING",
                "COST",
            ],
            [
                (
                    one.step,
                    local_name(one.agent),
                    one.model,
                    f"{one.calls:,}",
                    f"{one.failed_attempts:,}",
                    f"{one.input_tokens:,}",
                    f"{one.cached_input_tokens:,}",
                    f"{one.output_tokens:,}",
                    f"{one.reasoning_tokens:,}",
                    cost([one]),
                )
                for one in spent
            ],
        )


async def open_questions(
    client: AsyncClient, job_id: str | None
) -> AsyncIterator[Approval | Question]:
    """Yield what a job waits for people to say; or what all jobs ask to be allowed.

    Who may not see approvals is shown what else there is.
    """
    from ..errors import ForbiddenError

    try:
        async for approval in client.approvals():
            if job_id in (None, approval.job_id):
                yield approval
    except ForbiddenError:
        if job_id is None:
            raise
    if job_id is not None:
        async for question in client.inputs(job_id):
            if question.state == "pending":
                yield question


def asked_lines(question: Approval | Question) -> list[str]:
    """Return what a person must see to decide: exactly what would be done."""
    until = question.expires_at
    ends = [f"without an answer by {local_time(until)} it is over"] if until else []
    if isinstance(question, Question):
        said = [f"> {line}" for line in question.question.splitlines()]
        fits = f"as JSON or text that fits: {exactly(question.response_schema)}"
        lines = [f"step {question.step} asks:", *said, *fits.splitlines()]
    else:
        said = [f"> {line}" for line in question.reason.splitlines()]
        risk = f", risk {question.risk}" if question.risk else ""
        does = f"would call {question.tool} with this{risk}"
        lines = [
            f"step {question.step} asks for leave:",
            *said,
            *exactly(question.args).splitlines(),
            f"{does} (digest {question.args_sha256[:12]})",
        ]
    return [*lines, *ends]


def command_for(question: Approval | Question) -> str:
    """Return the command that answers a question."""
    if isinstance(question, Question):
        asked = f"{question.job_id} {question.interrupt_id}"
        return f"{called('runs answer')} {asked} VALUE"
    asked = f"{question.job_id} {question.approval_id}"
    return f"{called('runs approve')} {asked}  # or reject"


def note_waiting(
    output: Any, job: JobRecord, questions: Sequence[Approval | Question]
) -> None:
    """Say, beside the result, what a job waits for and how it goes on."""
    why = f": {on_one_line(job.state_reason)}" if job.state_reason else ""
    output.note(f"run {job.job_id} waits for people{why}")
    for question in questions:
        what = (
            question.question
            if isinstance(question, Question)
            else f"{question.tool} {json.dumps(question.args)}"
        )
        output.note(f"  {on_one_line(what)[:300]}")
        output.note(f"    {command_for(question)}")
    output.note(f"then watch on with: {called('runs watch')} {job.job_id}")


def _text(result: zg.Json) -> str:
    if isinstance(result, str):
        return result
    return json.dumps(result, indent=2, ensure_ascii=False)
