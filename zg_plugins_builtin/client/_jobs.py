"""What a client does with jobs, but for those that return one."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from zg_core.plugin_api import Json, JsonObject

from ._asking import Asker
from ._calls import Call, moment, path_of
from ._following import follow
from ._saving import save
from .errors import BadAnswerError
from .records import Artifact, Event, Question, Usage

__all__ = ["JobCalls", "asked_for"]


def asked_for(objective: str, wanted: dict[str, Any]) -> JsonObject:
    """Return what is sent for an objective: what was said, and nothing else."""
    said = {name: value for name, value in wanted.items() if value is not None}
    if isinstance(run_after := said.get("run_after"), datetime):
        said["run_after"] = moment(run_after)
    return {"objective": objective, **said}


class JobCalls:
    """What happened in jobs, what they gave and what they ask."""

    _asker: Asker

    async def _get(self, *path: str, **query: Any) -> Any:
        call = Call(method="GET", path=path_of(*path), query=query)
        return (await self._asker.ask(call)).document

    async def _post(self, *path: str, body: Any = None, known: bool = False) -> Any:
        call = Call(method="POST", path=path_of(*path), body=body, known=known)
        return (await self._asker.ask(call)).document

    async def delete(self, job_id: str) -> None:
        """Delete a job that has ended, and all that it gave.

        Args:
            job_id: The job.

        Raises:
            JobNotTerminalError: If it has not ended.
        """
        await self._asker.ask(Call(method="DELETE", path=path_of("job", job_id)))

    async def events(
        self, job_id: str, *, after: int = 0
    ) -> AsyncGenerator[Event, None]:
        """Yield what happens in a job, until it ends.

        When the connection breaks another one goes on after the last event, so that
        each that has a number comes once and in order. Pieces of answers
        (``message.delta``) have none: some may be missing after a break. Where the
        job has no event of that number ``stream.reset`` says how the job is, and the
        next event is the first after that.

        Args:
            job_id: The job.
            after: The number of the last event that is known already.

        Raises:
            ServiceError: If it cannot be followed, or not any more.
        """
        async with aclosing(follow(self._asker, job_id, after)) as told:
            async for event in told:
                yield event

    async def past_events(self, job_id: str, *, after: int = 0) -> AsyncIterator[Event]:
        """Yield what happened in a job until now, page by page.

        Args:
            job_id: The job.
            after: The number of the last event that is known already.

        Raises:
            CursorGoneError: If the job has no event of that number.
        """
        while True:
            said = await self._get("job", job_id, "events", after=after, limit=1000)
            page = said if isinstance(said, dict) else {}
            for row in page.get("data") or ():
                yield Event.of(row)
            following = page.get("next_after")
            if not page.get("has_more") or not isinstance(following, int):
                return
            if following <= after:
                return
            after = following

    async def usage(self, job_id: str) -> Usage:
        """Return what a job spent, by step and model."""
        return Usage.of(await self._get("job", job_id, "usage"))

    async def artifacts(self, job_id: str) -> Sequence[Artifact]:
        """Return the files that a job gave until now; `download` fetches one."""
        said = await self._get("job", job_id, "artifacts")
        rows = said.get("data") if isinstance(said, dict) else None
        return [Artifact.of(row) for row in rows or ()]

    async def download(self, job_id: str, artifact: Artifact) -> bytes:
        """Return the content of a file that a job gave.

        Raises:
            BadAnswerError: If it is not the one that was listed.
            ServiceError: If it cannot be had.
        """
        path = path_of("job", job_id, "artifacts", artifact.artifact_id)
        headers = {"accept": "*/*"}
        call = Call(method="GET", path=path, headers=headers, seconds=120.0)
        answer = await self._asker.ask(call)
        found = hashlib.sha256(answer.body).hexdigest()
        if artifact.sha256 and found != artifact.sha256:
            raise BadAnswerError(
                f"the file {artifact.path!r} is not what was listed", "list them anew"
            )
        return answer.body

    async def save_artifacts(self, job_id: str, folder: str | Path) -> Sequence[Path]:
        """Write the files that a job gave into a folder, and return where they are.

        Args:
            job_id: The job.
            folder: The folder, which is made if it is not there. No file lands
                outside of it, whatever its path says.

        Raises:
            InputError: If one cannot be written.
            ServiceError: If one cannot be had.
        """
        written = []
        for artifact in await self.artifacts(job_id):
            content = await self.download(job_id, artifact)
            work = partial(save, Path(folder), artifact.path, content)
            written.append(await self._asker.wire.do(work))
        return written

    async def inputs(self, job_id: str) -> AsyncIterator[Question]:
        """Yield what a job asks people, or asked, the oldest first."""
        path = path_of("job", job_id, "inputs")
        async for row in self._asker.pages(path, {}, None):
            yield Question.of(row)

    async def answer(self, job_id: str, interrupt_id: str, payload: Json) -> None:
        """Give what a job asks for.

        Args:
            job_id: The job.
            interrupt_id: Which of its questions.
            payload: The answer, which fits the question's schema.

        Raises:
            InputSchemaMismatchError: If it does not fit.
            ServiceError: If it is not asked any more.
        """
        body = {"interrupt_id": interrupt_id, "payload": payload}
        await self._post("job", job_id, "input", body=body)
