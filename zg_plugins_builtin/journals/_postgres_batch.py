"""What many jobs of one transaction make of the runs that it has locked.

Nothing here speaks with the server: the rows were read and locked before, and are
written afterwards. So jobs of one batch see what those before them did, and one that
is refused changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from zg_core import (
    ENDED,
    InputError,
    JournalError,
    RunBusyError,
    RunNotFoundError,
    RunStatus,
)

from ._owner import Owner
from ._postgres_jobs import (
    Append,
    Ask,
    Claim,
    Create,
    Delete,
    Disclaim,
    Job,
    Release,
)

__all__ = ["Batch", "Row", "not_found"]


@dataclass(slots=True, kw_only=True)
class Row:
    """A run.

    Attributes:
        owner: The id of the journal that has it.
        begun: What began it in this transaction.
        changed: Whether it is not as it was read.
        events: ``seq`` and JSON of each event to add.
        asked: Id and JSON of each request to add.
        over: Whether all requests there were have ended.
    """

    run_id: str
    status: RunStatus
    seq: int
    epoch: int
    owner: str | None
    updated_at: str
    begun: Create | None = None
    changed: bool = False
    events: list[tuple[int, str]] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    over: bool = False


class Batch:
    """The runs of a transaction, and what is to be written of them.

    Args:
        owner: The id of the journal that writes.
        rows: The runs there are, by id.
        living: Who lives of those that own runs to be claimed or deleted, as text,
            by the run's id.
        begun: The first events of runs that may have been created before.

    Attributes:
        deleted: The ids of the runs to forget.
        ended: The ids of the requests that ended.
    """

    def __init__(
        self,
        owner: str,
        rows: dict[str, Row],
        living: Mapping[str, str],
        begun: Mapping[str, str],
    ) -> None:
        self.rows = rows
        self.deleted: list[str] = []
        self.ended: list[str] = []
        self._owner = owner
        self._living = living
        self._begun = begun

    def do(self, job: Job) -> None:
        """Do a job, and set its result.

        Raises:
            ZeroGravityError: If it is refused; then nothing was changed.
        """
        match job:
            case Create():
                self._create(job)
            case Claim():
                self._claim(job)
            case Release():
                self._release(job.run_id, job.epoch)
            case Disclaim():
                self._release(job.run_id, job.claim.result)
            case Append():
                self._append(job)
            case Ask():
                self._ask(job)
            case Delete():
                self._delete(job)

    def _create(self, job: Create) -> None:
        if job.run_id in self.rows:
            if job.unsure and self._begun.get(job.run_id) == job.body:
                return
            raise InputError(
                f"there is a run {job.run_id!r} already", "choose another id"
            )
        self.rows[job.run_id] = Row(
            run_id=job.run_id,
            status="running",
            seq=1,
            epoch=0,
            owner=None,
            updated_at=job.at,
            begun=job,
            events=[(1, job.body)],
        )

    def _claim(self, job: Claim) -> None:
        row = self._row(job)
        if job.unsure and (row.owner, row.epoch) == (self._owner, job.result):
            return
        self._refuse_owned(row)
        row.epoch += 1
        row.owner = self._owner
        row.changed = True
        job.result = row.epoch

    def _release(self, run_id: str, epoch: int | None) -> None:
        row = self.rows.get(run_id)
        if row is not None and (row.epoch, row.owner) == (epoch, self._owner):
            row.owner = None
            row.changed = True

    def _append(self, job: Append) -> None:
        row = self._row(job)
        # Nobody else has this epoch, so that what is there is what was sent before.
        if job.unsure and row.epoch == job.epoch and row.seq >= job.last:
            return
        if (row.epoch, row.owner) != (job.epoch, self._owner):
            raise RunBusyError(
                f"run {job.run_id!r} is not this engine's any more",
                "another engine may have taken it over: look with `zg runs show`",
                run_id=job.run_id,
            )
        if row.seq != job.first - 1:
            raise JournalError(
                f"run {job.run_id!r} goes on with event {row.seq + 1}, not {job.first}",
                "report this as a bug of the engine",
            )
        row.events += enumerate(job.bodies, job.first)
        row.seq = job.last
        row.updated_at = job.at
        row.status = job.status or row.status
        row.changed = True
        self.ended += job.ended
        if job.status in ENDED:
            row.over = True
            row.asked.clear()

    def _ask(self, job: Ask) -> None:
        row = self._row(job)
        if row.status not in ENDED:
            row.asked.append((job.request_id, job.body))

    def _delete(self, job: Delete) -> None:
        if job.unsure and job.run_id not in self.rows:
            return
        self._refuse_owned(self._row(job))
        del self.rows[job.run_id]
        self.deleted.append(job.run_id)

    def _row(self, job: Job) -> Row:
        row = self.rows.get(job.run_id)
        if row is None:
            raise not_found(job.run_id)
        return row

    def _refuse_owned(self, row: Row) -> None:
        """Refuse what nobody but a run's owner may do, if somebody is that."""
        mine = row.owner == self._owner
        if row.owner is None or not (mine or row.run_id in self._living):
            return
        remedy = (
            f"watch it (zg runs watch {row.run_id}), or stop it first: "
            f"zg runs pause {row.run_id}, or zg runs cancel {row.run_id}"
        )
        if row.run_id not in self._living:  # it was claimed in this very transaction
            raise RunBusyError(
                f"another engine is doing run {row.run_id!r}",
                remedy,
                run_id=row.run_id,
            )
        living = Owner.decode(self._living[row.run_id])
        raise RunBusyError(
            f"process {living.pid} on {living.host} is doing run {row.run_id!r}",
            remedy,
            run_id=row.run_id,
            host=living.host,
            pid=living.pid,
        )


def not_found(run_id: str) -> RunNotFoundError:
    """Return the error that there is no such run."""
    return RunNotFoundError(
        f"there is no run {run_id!r}", "see `zg runs list`", run_id=run_id
    )
