"""The client of the service, for programs with an event loop.

One file, since a client returns jobs, and a job asks its client.
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import inf
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2

from zg_core.plugin_api import ConfigError, Json, JsonObject

from ._accounts import AccountCalls
from ._asking import Asker, checked_address, masked
from ._calls import Call, moment, path_of
from ._jobs import asked_for
from ._retrying import Retries, retry_after
from ._wire import AsyncWire, Wire
from .errors import JobFailedError, WaitTimeoutError
from .records import Artifact, Event, JobRecord, Question, Tokens, Usage

__all__ = ["AsyncClient", "AsyncJob", "asker_for"]

_LONGEST_WAIT = 25
_PAUSE = 1.0
_GRACE = 5.0
"""Seconds that an answer may be late, when the time to wait is over."""


@dataclass(frozen=True, kw_only=True)
class AsyncJob(JobRecord):
    """A job, as it was when the service answered, and what can be done with it."""

    client: AsyncClient = field(repr=False, compare=False)

    async def refresh(self) -> AsyncJob:
        """Return the job as it is now."""
        return await self.client.job(self.job_id)

    async def wait(
        self,
        timeout: float | None = None,
        *,
        until: Callable[[JobRecord], bool] | None = None,
    ) -> AsyncJob:
        """Return the job when it has ended; see `AsyncClient.wait`."""
        return await self.client.wait(self.job_id, timeout, until=until)

    def events(self, *, after: int = 0) -> AsyncGenerator[Event, None]:
        """Yield what happens in it; see `AsyncClient.events`."""
        return self.client.events(self.job_id, after=after)

    async def cancel(self, reason: str = "") -> AsyncJob:
        """Stop it; see `AsyncClient.cancel`."""
        return await self.client.cancel(self.job_id, reason)

    async def retry(self) -> AsyncJob:
        """Submit what it was for once more, as a job of its own."""
        return await self.client.retry(self.job_id)

    async def delete(self) -> None:
        """Delete it, once it has ended, and all that it gave."""
        await self.client.delete(self.job_id)

    async def spent(self) -> Usage:
        """Return what it spent, by step and model."""
        return await self.client.usage(self.job_id)

    async def artifacts(self) -> Sequence[Artifact]:
        """Return the files that it gave until now."""
        return await self.client.artifacts(self.job_id)

    async def download(self, artifact: Artifact) -> bytes:
        """Return the content of a file that it gave."""
        return await self.client.download(self.job_id, artifact)

    async def save_artifacts(self, folder: str | Path) -> Sequence[Path]:
        """Write the files that it gave into a folder."""
        return await self.client.save_artifacts(self.job_id, folder)

    def inputs(self) -> AsyncIterator[Question]:
        """Yield what it asks people."""
        return self.client.inputs(self.job_id)

    async def answer(self, interrupt_id: str, payload: Json) -> None:
        """Give what it asks for."""
        await self.client.answer(self.job_id, interrupt_id, payload)

    def check(self) -> Self:
        """Return the job itself, if it did not end badly.

        Raises:
            JobFailedError: If it did.
        """
        check(self)
        return self


def check(job: JobRecord) -> None:
    """See that a job did not end badly.

    Raises:
        JobFailedError: If it did.
    """
    if job.status != "failed":
        return
    said = job.error or {}
    raise JobFailedError(
        f"job {job.job_id} failed: {said.get('detail') or job.state}",
        code=str(said.get("code") or job.state),
        problem=said,
    )


class AsyncClient(AccountCalls):
    """A client of one service, for as many requests at once as you like.

    Args:
        address: The address of the service; by default ``ZEROGRAVITY_SERVER``.
        api_key: The API key; by default ``ZEROGRAVITY_API_KEY``. Whoever has a
            password calls `login` instead.
        tokens: What an earlier login gave, to go on with.
        on_tokens: Is told each new pair of tokens, to keep it: the old one is void.
        retries: When a request is sent once more.
        insecure: Whether the credential may go unencrypted to another machine.
        http: What makes requests, where you need your own: with a proxy, or with
            certificates.

    Raises:
        ConfigError: If there is no address.
        InputError: If the address or the key is none.
    """

    def __init__(
        self,
        address: str | None = None,
        api_key: str | None = None,
        *,
        tokens: Tokens | None = None,
        on_tokens: Callable[[Tokens], None] | None = None,
        retries: Retries | None = None,
        insecure: bool = False,
        http: httpx2.AsyncClient | None = None,
    ) -> None:
        self._asker = asker_for(
            address,
            AsyncWire(http or httpx2.AsyncClient()),
            api_key=api_key,
            tokens=tokens,
            on_tokens=on_tokens,
            retries=retries,
            insecure=insecure,
        )

    @classmethod
    def over(cls, asker: Asker) -> AsyncClient:
        """Return the client that asks so."""
        made = cls.__new__(cls)
        made._asker = asker
        return made

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.described})"

    @property
    def described(self) -> str:
        """Which service it asks, and as whom, without what nobody must see."""
        asker = self._asker
        who = "nobody"
        if asker.tokens is not None:
            who = "a login"
        elif asker.api_key is not None:
            who = f"key {masked(asker.api_key)}"
        return f"{asker.address!r}, {who}"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._asker.wire.close()

    # -- Jobs ------------------------------------------------------------------------

    async def submit(
        self,
        /,
        objective: str,
        *,
        priority: str | None = None,
        agent: str | None = None,
        workflow: str | None = None,
        callback_url: str | None = None,
        metadata: Mapping[str, str] | None = None,
        budget: Mapping[str, int] | None = None,
        timeout_s: float | None = None,
        approval: str | None = None,
        output_schema: JsonObject | None = None,
        run_after: datetime | None = None,
        idempotency_key: str | None = None,
        **more: Any,
    ) -> AsyncJob:
        """Submit an objective, and return its job, which is durable by then.

        Args:
            objective: What is to be made, in plain words.
            priority: ``low``, ``normal`` or ``high``.
            agent: The one agent that does all of it.
            workflow: The workflow; by default the service's own.
            callback_url: Who is told how it ended.
            metadata: What you want to find it by.
            budget: The most it may spend: ``max_cost_usd_micros``, ``max_tokens``,
                ``max_model_calls``.
            timeout_s: The longest it may take, in seconds.
            approval: ``always``: people are asked about whatever does more than look.
            output_schema: JSON Schema that the result must fit.
            run_after: When it begins, at the earliest.
            idempotency_key: By which the service knows the same request again. By
                default each call has its own, which its repetitions share.
            **more: What a newer service knows.

        Raises:
            ValidationError: If the service does not take it.
            ServiceError: If it cannot be submitted.
        """
        wanted = {
            "priority": priority,
            "agent": agent,
            "workflow": workflow,
            "callback_url": callback_url,
            "metadata": None if metadata is None else dict(metadata),
            "budget": None if budget is None else dict(budget),
            "timeout_s": timeout_s,
            "approval": approval,
            "output_schema": output_schema,
            "run_after": run_after,
            **more,
        }
        key = {} if idempotency_key is None else {"idempotency-key": idempotency_key}
        call = Call(
            method="POST",
            path=path_of("objective"),
            body=asked_for(objective, wanted),
            headers=key,
            known=True,
        )
        return self._job((await self._asker.ask(call)).document)

    async def job(self, job_id: str) -> AsyncJob:
        """Return a job."""
        return self._job(await self._get("job", job_id))

    async def jobs(
        self,
        *,
        status: str | None = None,
        state: str | None = None,
        priority: str | None = None,
        agent: str | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        metadata: Mapping[str, str] | None = None,
        order: str | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[AsyncJob]:
        """Yield the tenant's jobs, the newest first; pages are fetched as needed.

        Args:
            status: Those of one status.
            state: Those of one state.
            priority: Those of one priority.
            agent: Those of one agent.
            created_after: Those from then on.
            created_before: Those until then.
            metadata: Those with all of this.
            order: ``asc`` is the oldest first.
            limit: How many at most; `None` is all.
        """
        query: dict[str, Any] = {
            "status": status,
            "state": state,
            "priority": priority,
            "agent": agent,
            "created_after": created_after and moment(created_after),
            "created_before": created_before and moment(created_before),
            "order": order,
        }
        query |= {f"metadata.{name}": v for name, v in (metadata or {}).items()}
        async for row in self._asker.pages(path_of("jobs"), query, limit):
            yield self._job(row)

    async def cancel(self, job_id: str, reason: str = "") -> AsyncJob:
        """Stop a job, and return it; it may take a moment until it has ended.

        Raises:
            JobNotCancellableError: If it has ended already, and was not cancelled.
        """
        body = {"reason": reason} if reason else None
        path = ("job", job_id, "cancel")
        return self._job(await self._post(*path, body=body, known=True))

    async def retry(self, job_id: str) -> AsyncJob:
        """Submit what a job was for once more, as a job of its own; return that."""
        return self._job(await self._post("job", job_id, "retry", known=True))

    async def wait(
        self,
        job_id: str,
        timeout: float | None = None,
        *,
        until: Callable[[JobRecord], bool] | None = None,
    ) -> AsyncJob:
        """Return a job when it has ended.

        Args:
            job_id: The job.
            timeout: For how many seconds to wait; `None` is for ever.
            until: Returns whether it is as you want it: by default, whether it has
                ended. A job that waits for people (`JobRecord.waits`) does not end.

        Raises:
            WaitTimeoutError: If the time is over. The job goes on.
            ServiceError: If the service cannot be asked, which may take a few seconds
                more.
        """
        ends = inf if timeout is None else time.monotonic() + timeout
        left = inf if timeout is None else max(timeout, 0.0)
        call = _bounded(Call(method="GET", path=path_of("job", job_id)), left)
        job = self._job((await self._asker.ask(call)).document)
        while not (job.ended if until is None else until(job) or job.ended):
            left = ends - time.monotonic()
            if left <= 0:
                raise WaitTimeoutError(
                    f"job {job_id} is {job.state or job.status} after {timeout:g} s",
                    "wait for it again: it goes on",
                )
            job = await self._changed(job, left)
        return job

    async def _changed(self, job: AsyncJob, left: float) -> AsyncJob:
        """Return a job when something about it changes, or after a while."""
        seconds = max(min(int(left), _LONGEST_WAIT), 0)
        headers = {"if-none-match": f'"v{job.version}"', "prefer": f"wait={seconds}"}
        path = path_of("job", job.job_id)
        call = Call(method="GET", path=path, headers=headers, seconds=seconds + 30.0)
        call = _bounded(call, left)
        began = time.monotonic()
        answer = await self._asker.ask(call)
        later = self._job(answer.document) if answer.document is not None else job
        if later.version == job.version and time.monotonic() - began < _PAUSE:
            pause = retry_after(answer.headers) or _PAUSE
            await self._asker.wire.sleep(max(min(pause, left), 0.01))
        return later

    def _job(self, said: Any) -> AsyncJob:
        return AsyncJob.of(said, client=self)


def _bounded(call: Call, left: float) -> Call:
    """Return a request that does not wait for long when a time is over."""
    return replace(call, seconds=min(call.seconds, left + _GRACE), within=left)


def asker_for(
    address: str | None,
    wire: Wire,
    *,
    api_key: str | None,
    tokens: Tokens | None,
    on_tokens: Callable[[Tokens], None] | None,
    retries: Retries | None,
    insecure: bool,
) -> Asker:
    """Return what asks a service, with what the environment says.

    Raises:
        ConfigError: If there is no address.
        InputError: If the address or the key is none.
    """
    address = address or os.environ.get("ZEROGRAVITY_SERVER")
    if not address:
        raise ConfigError(
            "nobody said which service to ask",
            "give its address, or set ZEROGRAVITY_SERVER",
        )
    if api_key is None and tokens is None:
        api_key = os.environ.get("ZEROGRAVITY_API_KEY") or None
    return Asker(
        checked_address(address, insecure=insecure),
        wire,
        retries or Retries(),
        api_key=api_key,
        tokens=tokens,
        on_tokens=on_tokens,
    )
