"""Let people decide what runs wait for, and have runs put aside, whoever does them."""

from __future__ import annotations

import logging
import sys
from dataclasses import replace

from .._json import Json, JsonObject
from .._machine import RunState, fold
from .._run_state import Decision
from .._secrets import Secrets
from ..config import Config
from ..errors import InputError, JournalError, RunNotFoundError
from ..events import ApprovalDecided, ApprovalRequested, InputGiven, PauseRequested
from ..journals import Journal
from ..outcomes import Outcome
from ..plugins import PluginHost
from ..questions import OpenQuestion, open_questions
from .driving import Driving
from .judging import call_named, judged
from .requesting import ask

__all__ = ["Deciding"]

_logger = logging.getLogger(__name__)

_SHOWN_DIGITS = 12  # of a digest, which are enough to tell two apart


class Deciding:
    """What people can say of an engine's runs, whoever does them."""

    config: Config
    host: PluginHost
    journal: Journal
    _secrets: Secrets
    _driving: Driving

    async def pending(self, run_id: str | None = None) -> tuple[OpenQuestion, ...]:
        """Return what runs wait for people to say, the oldest first.

        Of all runs, one that this version cannot read is left out, and logged.

        Args:
            run_id: The run; by default all of them.

        Raises:
            RunNotFoundError: If there is no such run.
        """
        if run_id is not None:
            return open_questions(fold(await self.journal.read(run_id)))
        found: list[OpenQuestion] = []
        for status in ("paused", "running"):
            for run in await self.journal.list(limit=sys.maxsize, status=status):
                try:
                    found += open_questions(fold(await self.journal.read(run.run_id)))
                except RunNotFoundError:
                    continue  # it was forgotten meanwhile
                except JournalError as error:
                    told = {"run_id": run.run_id, "error": str(error)}
                    _logger.warning("run_unreadable", extra=told)
        return tuple(sorted(found, key=lambda question: question.asked_at))

    async def approve(
        self,
        run_id: str,
        call: str,
        *,
        edit: JsonObject | None = None,
        digest: str | None = None,
        by: str = "",
        reason: str = "",
    ) -> Outcome:
        """Allow what a run asks about; the first decision holds.

        A run that is paused goes on when it is resumed. Of a run that is being done,
        its owner is asked, and waited for for a moment; what was said in time holds
        though it be taken up later.

        Args:
            run_id: The run.
            call: The call's key, or the beginning of its short name.
            edit: Arguments with which the tool is called instead.
            digest: What was looked at, as in `OpenQuestion`, or its first twelve
                digits or more: something else is not allowed.
            by: Who allows it.
            reason: Why, for the record.

        Raises:
            RunNotFoundError: If there is no such run.
            InputError: If there is no such call, it was decided before, it is not what
                was looked at, its time is over, *edit* does not fit or holds a
                secret, or the run has ended; nothing is changed then.
        """
        return await self._decide(
            run_id,
            call,
            ApprovalDecided(
                call_key="",
                digest=digest or "",
                allow=True,
                by=by,
                reason=reason,
                arguments=edit,
            ),
        )

    async def reject(
        self,
        run_id: str,
        call: str,
        *,
        digest: str | None = None,
        by: str = "",
        reason: str = "",
    ) -> Outcome:
        """Refuse what a run asks about; its model is told, and the reason.

        For the rest see `approve`.
        """
        said = ApprovalDecided(
            call_key="", digest=digest or "", allow=False, by=by, reason=reason
        )
        return await self._decide(run_id, call, said)

    async def answer(
        self, run_id: str, call: str, value: Json, *, by: str = ""
    ) -> Outcome:
        """Give what a run asks for; see `approve`.

        Args:
            run_id: The run.
            call: The call's key, or the beginning of its short name.
            value: The answer.
            by: Who gives it.

        Raises:
            RunNotFoundError: If there is no such run.
            InputError: As `approve`; and if the answer does not fit its schema.
        """
        said = InputGiven(call_key="", value=value, by=by)
        return await self._decide(run_id, call, said)

    async def pause(self, run_id: str, reason: str = "", *, by: str = "") -> Outcome:
        """Have a run put aside as soon as no call is under way, whoever does it.

        A no-op if it is paused already.

        Args:
            run_id: The run.
            reason: Why, for the record.
            by: Who wants it.

        Returns:
            Whether the wish is heard; calls may be under way all the same.

        Raises:
            RunNotFoundError: If there is no such run.
            InputError: If it has ended.
        """
        state = fold(await self.journal.read(run_id))
        if not _can_pause(state):
            return Outcome(done=True)
        # With what was known then: a wish from before a resumption is over.
        wish = PauseRequested(reason=reason, by=by, seq=state.seq)
        return await ask(self._driving, state, wish)

    async def _decide(self, run_id: str, call: str, said: Decision) -> Outcome:
        """Have a decision recorded; refuse it whole."""
        state = fold(await self.journal.read(run_id))
        said = _addressed(state, call, said)
        said = judged(state, said, self.host, self._secrets.redact_record)
        return await ask(self._driving, state, said)


def _addressed(state: RunState, call: str, said: Decision) -> Decision:
    """Return a decision with the call that is meant, and what it is about."""
    key = call_named(state, call)
    said = replace(said, call_key=key)
    asked = state.questions.get(key)
    if isinstance(said, ApprovalDecided) and isinstance(asked, ApprovalRequested):
        shown = asked.digest[: max(len(said.digest), _SHOWN_DIGITS)]
        if said.digest in ("", shown):
            said = replace(said, digest=asked.digest)
    return said


def _can_pause(state: RunState) -> bool:
    """Tell whether a run is to be put aside.

    Raises:
        InputError: If it has ended.
    """
    if state.ended_at:
        run_id = state.accepted.run_id
        raise InputError(
            f"run {run_id!r} is {state.status}, and there is nothing to be put aside",
            f"see what it gave: zg runs show {run_id}",
            run_id=run_id,
        )
    return state.status != "paused"
