"""Ask the person at the terminal what a job of the server waits for."""

from __future__ import annotations

import asyncio
import sys
import threading
from contextlib import aclosing, suppress
from typing import Any

import anyio

import zg_core as zg

from ..asynchronous import AsyncClient
from ..errors import ConflictError, ForbiddenError, ServiceError, ValidationError
from ..records import Approval, Question
from ._following import alone, interrupts, stop_job
from ._report import asked_lines, open_questions
from ._values import edited, value_of

__all__ = ["ask_all", "somebody_is_there"]

_CALL = "allow it? [y]es, [n]o, [e]dit, [p]ause: "
_EDIT = "arguments, as JSON or @FILE: "
_WHY = "why (the model is told): "
_ANSWER = "answer (Ctrl-D leaves it waiting): "
_REFUSED = (ConflictError, ForbiddenError, ValidationError, zg.InputError)


def somebody_is_there(output: Any) -> bool:
    """Tell whether a person sees what is shown, and can type."""
    return bool(output.terminal and sys.stdin and sys.stdin.isatty())


async def ask_all(client: AsyncClient, job_id: str, output: Any) -> bool:
    """Ask what there is to ask; tell whether the job goes on now.

    It does when all was answered, and to its end when Ctrl-C stopped it.

    Args:
        client: The client.
        job_id: The job.
        output: Where it is asked.
    """
    answered = stopped = False
    async with alone(job_id), anyio.create_task_group() as group:

        async def ask() -> None:
            nonlocal answered
            answered = await _ask_all(client, job_id, output)
            group.cancel_scope.cancel()

        async def heed() -> None:
            nonlocal stopped
            async with aclosing(interrupts()) as pressed:
                await anext(pressed)
            stopped = True
            group.cancel_scope.cancel()

        group.start_soon(heed)
        group.start_soon(ask)
    if stopped:
        output.say("")
        await stop_job(client, job_id, output.note)
    return answered or stopped


async def _ask_all(client: AsyncClient, job_id: str, output: Any) -> bool:
    asked = [question async for question in open_questions(client, job_id)]
    for question in asked:
        for line in asked_lines(question):
            output.say(line)
        if not await _put(client, question, output):
            return False
    return bool(asked)


async def _put(client: AsyncClient, question: Approval | Question, output: Any) -> bool:
    """Ask one thing until it is answered; tell whether it was, or is to wait."""
    while True:
        try:
            if isinstance(question, Question):
                line = await _line(output, _ANSWER)
                if line is None:
                    return False
                value = value_of(line, question.response_schema)
                await client.answer(question.job_id, question.interrupt_id, value)
                return True
            decided = await _decided(client, question, output)
            if decided is not None:
                return decided
        except _REFUSED as error:
            output.say(str(error))
            if isinstance(error, ServiceError) and not isinstance(
                error, ValidationError
            ):
                return False  # it is not this person's, or not any more


async def _decided(client: AsyncClient, approval: Approval, output: Any) -> bool | None:
    line = await _line(output, _CALL)
    match "p" if line is None else line.strip().lower():
        case "y" | "yes":
            await client.approve(approval)
        case "e" | "edit":
            arguments = edited(await _line(output, _EDIT) or "")
            await client.approve(approval, edited_args=arguments)
        case "n" | "no":
            why = await _line(output, _WHY) or ""
            await client.reject(approval, comment=why)
        case "p" | "pause":
            return False
        case _:
            return None
    return True


async def _line(output: Any, prompt: str) -> str | None:
    """Return the next line that is typed; `None` if there is none any more."""
    _forget_typed()
    output.write(prompt)
    text = await _typed()
    return text.rstrip("\r\n") if text else None


async def _typed() -> str:
    """Return a line that is read by a thread which keeps no process from its end."""
    loop, came, lines = asyncio.get_running_loop(), anyio.Event(), list[str]()

    def read() -> None:
        lines.append(sys.stdin.readline())
        with suppress(RuntimeError):  # nobody waits for it any more
            loop.call_soon_threadsafe(came.set)

    threading.Thread(target=read, daemon=True).start()
    await came.wait()
    return lines[0]


def _forget_typed() -> None:
    """Drop what was typed before anything was asked, which can be no answer."""
    with suppress(ImportError, OSError, ValueError):
        import termios  # which only Unix has

        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
