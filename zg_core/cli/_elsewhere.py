"""Have a run done elsewhere, by a runtime."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from zg_core._isolation import describe
from zg_core.engine import Engine
from zg_core.errors import InputError, RunError, ZeroGravityError
from zg_core.running.foreign import ask
from zg_core.runtimes import Runtime

from ._invocation import Invocation

__all__ = ["Elsewhere"]


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A runtime that is to have a run done.

    Attributes:
        name: Its qualified name.
        runtime: What does it.
    """

    name: str
    runtime: Runtime

    @classmethod
    def named(cls, name: str, invocation: Invocation, engine: Engine) -> Elsewhere:
        """Find a runtime, before there is a run.

        Raises:
            UnknownNameError: If no plugin offers one of that name.
            InputError: If the command has options that no other process would know.
        """
        offer = engine.host.find("runtime", name)
        if invocation.drilling:
            raise InputError(
                "a drill holds for this process only, and with --runtime another one "
                "does the run",
                "leave --runtime out",
            )
        if any(value is not None for value in invocation.overrides.values()):
            raise InputError(
                "options before the command hold for this process only, and with "
                "--runtime another one does the run",
                "put them into your own configuration file",
            )
        return cls(offer.qualified, cast(Runtime, engine.host.make(offer)))

    async def submit(self, invocation: Invocation, engine: Engine, run_id: str) -> int:
        """Hand a run over, say how to watch it, and return the exit code.

        Raises:
            RunError: If the runtime cannot have it done.
        """
        output, journal = invocation.output, engine.config.journal
        where, error = await ask(None, self.runtime.submit, run_id, journal)
        if isinstance(error, ZeroGravityError):
            raise error
        if error is not None:
            raise RunError(
                f"the runtime {self.name!r} failed: {describe(error)}",
                f"do it here: zg runs resume {run_id}",
                run_id=run_id,
            ) from error
        output.document({"run_id": run_id, "runtime": self.name, "where": str(where)})
        output.say(f"run {run_id} is done by {self.name}: {where}")
        output.say("watch it with:")
        output.say(f"  zg runs watch {run_id}")
        return 0
