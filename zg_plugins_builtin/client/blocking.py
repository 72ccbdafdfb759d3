"""The client of the service, for programs without an event loop.

Each method is that of `AsyncClient`, or of `AsyncJob`, and takes the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, cast

import httpx2

from ._driving import Blocking, Iterating
from ._retrying import Retries
from ._wire import BlockingWire
from .asynchronous import AsyncClient, AsyncJob, asker_for, check
from .records import JobRecord, Tokens

__all__ = ["Client", "Job"]

P = ParamSpec("P")
_Method = Callable[Concatenate[Any, P], Any]


def _job_of(method: _Method[P]) -> Blocking[P, Job]:
    return cast("Blocking[P, Job]", Blocking(method))


def _jobs_of(method: _Method[P]) -> Iterating[P, Job]:
    return cast("Iterating[P, Job]", Iterating(method))


class _Mirror:
    """Something that blocks, before what does not."""

    def shown(self, value: Any) -> Any:
        """Return what a caller gets: a job that blocks, too."""
        if isinstance(value, AsyncJob):
            return Job.of(value.raw, behind=value)
        return value


@dataclass(frozen=True, kw_only=True)
class Job(JobRecord, _Mirror):
    """A job, as it was when the service answered, and what can be done with it."""

    behind: AsyncJob = field(repr=False, compare=False)

    refresh = _job_of(AsyncJob.refresh)
    wait = _job_of(AsyncJob.wait)
    events = Iterating(AsyncJob.events)
    cancel = _job_of(AsyncJob.cancel)
    retry = _job_of(AsyncJob.retry)
    delete = Blocking(AsyncJob.delete)
    spent = Blocking(AsyncJob.spent)
    artifacts = Blocking(AsyncJob.artifacts)
    download = Blocking(AsyncJob.download)
    save_artifacts = Blocking(AsyncJob.save_artifacts)
    inputs = Iterating(AsyncJob.inputs)
    answer = Blocking(AsyncJob.answer)

    def check(self) -> Self:
        """Return the job itself, if it did not end badly.

        Raises:
            JobFailedError: If it did.
        """
        check(self)
        return self


class Client(_Mirror):
    """A client of one service, which blocks; several threads may share it.

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
        http: httpx2.Client | None = None,
    ) -> None:
        self.behind = AsyncClient.over(
            asker_for(
                address,
                BlockingWire(http or httpx2.Client()),
                api_key=api_key,
                tokens=tokens,
                on_tokens=on_tokens,
                retries=retries,
                insecure=insecure,
            )
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.behind.described})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    close = Blocking(AsyncClient.close)

    submit = _job_of(AsyncClient.submit)
    job = _job_of(AsyncClient.job)
    jobs = _jobs_of(AsyncClient.jobs)
    wait = _job_of(AsyncClient.wait)
    cancel = _job_of(AsyncClient.cancel)
    retry = _job_of(AsyncClient.retry)
    delete = Blocking(AsyncClient.delete)
    events = Iterating(AsyncClient.events)
    past_events = Iterating(AsyncClient.past_events)
    usage = Blocking(AsyncClient.usage)
    usage_by = Blocking(AsyncClient.usage_by)
    limits = Blocking(AsyncClient.limits)
    artifacts = Blocking(AsyncClient.artifacts)
    download = Blocking(AsyncClient.download)
    save_artifacts = Blocking(AsyncClient.save_artifacts)
    inputs = Iterating(AsyncClient.inputs)
    answer = Blocking(AsyncClient.answer)

    approvals = Iterating(AsyncClient.approvals)
    approval = Blocking(AsyncClient.approval)
    approve = Blocking(AsyncClient.approve)
    reject = Blocking(AsyncClient.reject)
    agents = Blocking(AsyncClient.agents)
    agent = Blocking(AsyncClient.agent)
    tools = Blocking(AsyncClient.tools)

    webhook_endpoints = Iterating(AsyncClient.webhook_endpoints)
    webhook_endpoint = Blocking(AsyncClient.webhook_endpoint)
    create_webhook_endpoint = Blocking(AsyncClient.create_webhook_endpoint)
    change_webhook_endpoint = Blocking(AsyncClient.change_webhook_endpoint)
    delete_webhook_endpoint = Blocking(AsyncClient.delete_webhook_endpoint)
    rotate_webhook_secret = Blocking(AsyncClient.rotate_webhook_secret)
    webhook_public_keys = Blocking(AsyncClient.webhook_public_keys)
    send_test_webhook = Blocking(AsyncClient.send_test_webhook)
    webhook_deliveries = Iterating(AsyncClient.webhook_deliveries)
    webhook_delivery = Blocking(AsyncClient.webhook_delivery)
    redeliver_webhook = Blocking(AsyncClient.redeliver_webhook)

    login = Blocking(AsyncClient.login)
    refresh = Blocking(AsyncClient.refresh)
    logout = Blocking(AsyncClient.logout)
    me = Blocking(AsyncClient.me)
    api_keys = Iterating(AsyncClient.api_keys)
    api_key = Blocking(AsyncClient.api_key)
    create_api_key = Blocking(AsyncClient.create_api_key)
    rotate_api_key = Blocking(AsyncClient.rotate_api_key)
    revoke_api_key = Blocking(AsyncClient.revoke_api_key)
