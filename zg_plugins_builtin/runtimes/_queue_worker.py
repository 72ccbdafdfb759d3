"""Take runs from the queue, and look after those whose worker died.

The names in the statements are procrastinate's own, and not promised by it: that is
why its version is pinned.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from typing import Any

import anyio
from procrastinate import App, job_context, jobs, retry
from procrastinate.psycopg_connector import PsycopgConnector
from procrastinate.worker import Worker

__all__ = ["QUEUE", "Again", "LetGoError", "QueueWorker", "work"]

_log = logging.getLogger(__name__)
QUEUE = "zerogravity"
_CHANNEL = f"procrastinate_queue_v1#{QUEUE}"
_MOST = 60
"""The most seconds until a run is tried again that cannot be done."""

_BEAT = """UPDATE procrastinate_workers SET last_heartbeat = now()
    WHERE id = %(worker)s RETURNING id"""
_HELD = """SELECT id FROM procrastinate_jobs
    WHERE status = 'doing' AND worker_id = %(worker)s"""
_DEAD = """j.status = 'doing' AND j.queue_name = %(queue)s AND NOT EXISTS (
        SELECT 1 FROM procrastinate_workers w
        WHERE w.id = j.worker_id
        AND w.last_heartbeat > now() - make_interval(secs => %(dead)s))"""
# One that waits in the queue again needs no second place in it, and gets none.
_FORGET = f"""DELETE FROM procrastinate_jobs j
    WHERE {_DEAD} AND EXISTS (
        SELECT 1 FROM procrastinate_jobs twin
        WHERE twin.status = 'todo' AND twin.queueing_lock = j.queueing_lock)"""
_REAP = f"""WITH r AS (
        SELECT j.id FROM procrastinate_jobs j
        WHERE {_DEAD} FOR UPDATE OF j SKIP LOCKED LIMIT 500)
    SELECT procrastinate_retry_job_v2(id, now(), NULL, NULL, NULL),
        pg_notify(%(channel)s,
            json_build_object('type', 'job_inserted', 'job_id', id)::text) FROM r"""
_MINE = """SELECT EXISTS (
        SELECT 1 FROM procrastinate_jobs twin
        WHERE twin.status = 'todo' AND twin.queueing_lock = j.queueing_lock)
    FROM procrastinate_jobs j
    WHERE id = %(job)s AND status = 'doing' AND worker_id = %(worker)s
    FOR UPDATE OF j"""
_FINISH = "SELECT procrastinate_finish_job_v1(%(job)s, 'succeeded', true)"
_AGAIN = """SELECT procrastinate_retry_job_v2(%(job)s, %(at)s, NULL, NULL, NULL),
    pg_notify(%(channel)s,
        json_build_object('type', 'job_inserted', 'job_id', %(job)s::bigint)::text)"""


class Again(retry.BaseRetryStrategy):
    """Has a run tried again until it can be done.

    At once, if it was only let go; ever later, if it cannot be done.
    """

    def get_retry_decision(
        self, *, exception: BaseException, job: jobs.Job
    ) -> retry.RetryDecision:
        """Return when."""
        let_go = isinstance(exception, asyncio.CancelledError | LetGoError)
        wait = 0 if let_go else min(2 ** min(job.attempts, 10), _MOST)
        return retry.RetryDecision(retry_in={"seconds": wait})


class LetGoError(Exception):
    """The run was left where it was, for another worker."""


class QueueWorker(Worker):
    """A worker that ends only those jobs of the queue that are still its own.

    Procrastinate's would end them for whoever has them by now, when it wakes up after
    it was thought dead.
    """

    _looked_at: Sequence[tuple[asyncio.Task[Any], job_context.JobContext]] = ()

    async def _persist_job_status(
        self,
        job: jobs.Job,
        status: jobs.Status,
        retry_decision: retry.RetryDecision | None,
        context: job_context.JobContext,
        job_result: job_context.JobResult | None,
    ) -> None:
        assert job.id is not None
        values: dict[str, Any] = {
            "job": job.id,
            "worker": self.worker_id,
            "channel": _CHANNEL,
            "at": retry_decision.retry_at if retry_decision else None,
        }
        async with _connection(self.app) as connection:
            row = await (await connection.execute(_MINE, values)).fetchone()
            if row is not None:
                again = retry_decision is not None and not row[0]
                await connection.execute(_AGAIN if again else _FINISH, values)
        self._job_ids_to_abort.pop(job.id, None)

    def end(self) -> None:
        """Take nothing more, and end when what runs has."""
        self.stop()  # type: ignore[no-untyped-call]

    def drop(self, held: Iterable[int]) -> None:
        """Stop what another worker has by now.

        Args:
            held: The jobs of the queue that are still this one's.
        """
        kept = set(held)
        for task, context in self._looked_at:
            if context.job.id not in kept and not task.done():
                _log.warning("queue.dropped", extra={"job": context.job.task_kwargs})
                task.cancel()

    def look(self) -> None:
        """Note what runs, before asking what of it is still its own."""
        self._looked_at = [*self._running_jobs.items()]


async def work(
    app: App,
    *,
    slots: int,
    heartbeat: float,
    dead: float,
    grace: float,
    stopping: anyio.Event,
) -> None:
    """Take runs from the queue and have them done, until told to stop.

    Then no more is taken, and what runs has some time to come to rest; the rest is
    cancelled, and left to other workers.

    Args:
        app: The queue.
        slots: How many runs at once.
        heartbeat: Seconds between two signs of life.
        dead: After how many seconds without one a worker is dead.
        grace: Seconds for what runs to come to rest.
        stopping: Tells it to stop.

    Raises:
        procrastinate.exceptions.ConnectorException: If the database is gone.
    """
    worker = QueueWorker(
        app=app,
        queues=[QUEUE],
        concurrency=slots,
        install_signal_handlers=False,
        update_heartbeat_interval=heartbeat,
        stalled_worker_timeout=max(60.0, 3 * dead),
        fetch_job_polling_interval=1.0,
        abort_job_polling_interval=60.0,
        # As long as it may take when the database is gone; see below.
        shutdown_graceful_timeout=2.0,
    )
    running = asyncio.create_task(worker.run())  # type: ignore[no-untyped-call]
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(_keep, worker, heartbeat, dead)
            group.start_soon(_stop_at, worker, stopping, grace)
            await asyncio.wait({running})
            group.cancel_scope.cancel()
    finally:
        worker.end()
        with anyio.CancelScope(shield=True):
            await asyncio.wait({running})
    running.result()


async def _stop_at(worker: QueueWorker, stopping: anyio.Event, grace: float) -> None:
    await stopping.wait()
    worker.shutdown_graceful_timeout = grace
    worker.end()


async def _keep(worker: QueueWorker, heartbeat: float, dead: float) -> None:
    """Give signs of life, also while it stops, and take up what the dead had.

    A worker that is frozen sees by them, when it wakes up, what it lost.
    """
    while True:
        await anyio.sleep(heartbeat)
        if worker.worker_id is None:
            continue
        values = {
            "worker": worker.worker_id,
            "queue": QUEUE,
            "channel": _CHANNEL,
            "dead": dead,
        }
        try:
            async with _connection(worker.app) as connection:
                row = await (await connection.execute(_BEAT, values)).fetchone()
                worker.look()
                held = await (await connection.execute(_HELD, values)).fetchall()
            worker.drop(one for (one,) in held)
            if row is None:  # it was buried
                worker.end()
            async with _connection(worker.app) as connection:
                await connection.execute(_FORGET, values)
                await connection.execute(_REAP, values)
        except Exception as error:  # noqa: BLE001 - what is wrong ends the worker itself
            _log.warning("queue.not_kept", exc_info=error)


def _connection(app: App) -> Any:
    """Return a connection in a transaction."""
    connector = app.connector
    assert isinstance(connector, PsycopgConnector)
    connections: Any = connector.pool.connection()
    return connections
