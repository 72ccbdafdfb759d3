"""Steer runs from outside: branch off, set back, change their limits, stop, watch."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from dataclasses import replace

from .._machine import fold
from .._secrets import Secrets
from ..config import Config
from ..errors import InputError, RunBusyError
from ..events import CancelRequested, Event, LimitsChanged, RunRewound
from ..journals import Journal
from ..outcomes import Outcome
from ..plugins import PluginHost
from ..usage import Limits
from .driving import Driving
from .forking import Change, fork
from .limiting import changed_limits
from .requesting import ask
from .run import DONE
from .undoing import check_began, rewound

__all__ = ["Steering"]


class Steering:
    """What an engine can do to runs, whoever does them."""

    config: Config
    host: PluginHost
    journal: Journal
    _secrets: Secrets
    _driving: Driving

    async def fork(
        self,
        run_id: str,
        step: str,
        *,
        prompt: str | None = None,
        model: str | None = None,
        agent: str | None = None,
        limits: Limits = Limits(),
        step_limits: Mapping[str, Limits] | None = None,
        out: str | None = None,
        new_id: str | None = None,
    ) -> str:
        """Make a run of another, to do a step of it in another way; return its id.

        What does not depend on the step is copied, its files included, and costs
        nothing; `resume` or `stream_run` does the rest. Of steps that are repeated
        together with this one, the first round is copied.

        Args:
            run_id: The run it begins with, which stays as it is.
            step: The step; it must have begun.
            prompt: What the step is asked instead.
            model: The models it tries instead.
            agent: The agent that does it instead.
            limits: The most the new run may spend; what is `None` is as it was. It
                begins with nothing spent.
            step_limits: The same for steps, by name.
            out: The folder its files go to; by default a new one.
            new_id: Its id; by default a new one.

        Raises:
            RunNotFoundError: If there is no such run.
            UnknownNameError: If it has no such step, or nobody offers that agent or
                provider.
            InputError: If the step has not begun, a file is not as it was before, or
                *new_id* or *out* cannot be used; `WorkflowError` if the prompt names
                a step that this one does not need.
            RunBusyError: If somebody is doing what would be copied.
        """
        change = Change(
            prompt=prompt,
            model=model,
            agent=agent,
            limits=limits,
            step_limits=step_limits or {},
            out=out,
        )
        return await fork(
            run_id,
            step,
            change,
            new_id=new_id,
            config=self.config,
            host=self.host,
            journal=self.journal,
            secrets=self._secrets,
        )

    async def rewind(self, run_id: str, step: str) -> tuple[str, ...]:
        """Set a run back to before a step; it is paused there, for `resume` to go on.

        What was spent stays counted, and files that were written since stay until
        they are written anew.

        Args:
            run_id: The run.
            step: The step; it must have begun.

        Returns:
            What will be done again: the step, all that depends on it, and what is
            repeated together with any of these.

        Raises:
            RunNotFoundError: If there is no such run.
            UnknownNameError: If it has no such step.
            InputError: If the step has not begun.
            RunBusyError: If somebody is doing the run.
        """
        check_began(fold(await self.journal.read(run_id)), step)
        async with self._driving.owned(run_id) as recorder:
            check_began(recorder.state, step)
            steps = rewound(recorder.state.workflow, step)
            await recorder.record(RunRewound(step=step, steps=steps))
        return steps

    async def retune(
        self,
        run_id: str,
        limits: Limits = Limits(),
        step_limits: Mapping[str, Limits] | None = None,
        *,
        by: str = "",
    ) -> Outcome:
        """Change the limits of a run, whoever does it.

        They hold from the next call on. What a call under way takes counts as well,
        though it be more than they allow.

        Args:
            run_id: The run.
            limits: The most it may spend, what it spent before included; what is
                `None` stays as it was.
            step_limits: The same for steps, by name.
            by: Who wants it.

        Returns:
            Whether they hold by now.

        Raises:
            RunNotFoundError: If there is no such run.
            UnknownNameError: If it has no step of such a name.
            InputError: If it is done, and spends nothing any more.
        """
        state = fold(await self.journal.read(run_id))
        steps = dict(step_limits or {})
        changed_limits(state, limits, steps)  # or refuse
        if state.status in DONE:
            raise InputError(
                f"run {run_id!r} is {state.status}, and spends nothing any more",
                f"set it back first: zg runs rewind {run_id} --to STEP",
            )
        if state.ended_at:  # and so is asked nothing
            with suppress(RunBusyError):  # unless it is taken up again just now
                async with self._driving.owned(run_id) as recorder:
                    changed = changed_limits(recorder.state, limits, steps)
                    await recorder.record(replace(changed, by=by))
                return Outcome(done=True)
        wish = LimitsChanged(limits=limits, step_limits=steps, by=by)
        return await ask(self._driving, state, wish)

    async def cancel(self, run_id: str, reason: str = "", *, by: str = "") -> Outcome:
        """Have a run stopped, whoever does it; a no-op if it has ended.

        Args:
            run_id: The run.
            reason: Why, for the record.
            by: Who wants it.

        Raises:
            RunNotFoundError: If there is no such run.
        """
        state = fold(await self.journal.read(run_id))
        if state.ended_at:
            return Outcome(done=True)
        try:
            return await ask(
                self._driving, state, CancelRequested(reason=reason, by=by)
            )
        except InputError:  # it ended before it heard of that
            return Outcome(done=True)

    async def watch(self, run_id: str, after: int = 0) -> AsyncGenerator[Event, None]:
        """Yield what happens in a run, whoever does it, until it has ended.

        A run that is paused has not.

        Args:
            run_id: The run.
            after: The ``seq`` of the latest event that is known already.

        Raises:
            RunNotFoundError: If there is no such run.
        """
        async with aclosing(self.journal.subscribe(run_id, after)) as events:
            async for event in events:
                yield event
