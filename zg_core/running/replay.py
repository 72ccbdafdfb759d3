"""The calls of a step that is run again: those that are recorded are not made anew."""

from __future__ import annotations

from collections import Counter

from .._codec import digest
from .._json import Json
from ..agents import Reply
from ..errors import ReplayMismatchError, RunError
from ..messages import ToolResult
from ..models import Response
from .outcomes import Failed, Started, Value, asked
from .recorded import Recorded

__all__ = ["StepCalls"]


class StepCalls:
    """The calls of one attempt at a step: their keys, and what is known of them.

    Args:
        recorded: What earlier attempts recorded.
        step: The path of the agent that makes them.
        tool: The key of the call of the tool that does, if one does.
        within: The calls of the agent, then.
    """

    def __init__(
        self,
        recorded: Recorded,
        step: str,
        tool: str = "",
        within: StepCalls | None = None,
    ) -> None:
        self._recorded = recorded
        self._step = step
        self._whose = tool or step
        self._outcomes = recorded.outcomes(self._whose)
        self._left = dict(self._outcomes)
        self._seen: Counter[str] = Counter()
        self._moot = recorded.moot(self._whose)
        self._within = within
        self._written = Counter(recorded.written(step))
        # What was asked beside the record, kept only where there is a record.
        self._new: dict[str, object] = {}
        self._closed = False
        self._mismatch: ReplayMismatchError | None = None

    @property
    def of(self) -> str:
        """The key of the tool's call that makes them; empty if an agent does."""
        return self._whose if self._within is not None else ""

    def of_tool(self, key: str) -> StepCalls:
        """Return the calls of a tool that is called, which are no matter of ours."""
        return StepCalls(self._recorded, self._step, key, self)

    def key(self, request: object) -> str:
        """Return the key of a call: whose it is, digest of the request, occurrence.

        So parallel calls may come in any order, and equal ones are told apart.
        """
        self.check_open()
        same = f"{self._whose}:{digest(request)[:32]}"
        self._seen[same] += 1
        key = f"{same}:{self._seen[same]}"
        if self._left and (key not in self._left or key in self._moot):
            self._new[key] = request
        return key

    def has_written(self, path: str, digest: str) -> bool:
        """Tell whether an earlier attempt wrote this, so that it is not written now.

        Others may have written over it since, who do not do so again. What a tool
        writes that is called again it writes again.
        """
        if self._within is not None or not self._written[path, digest]:
            return False
        self._written[path, digest] -= 1
        return True

    def check_open(self) -> None:
        """Refuse what a step's code still wants after the step has ended.

        Raises:
            RunError: If it has.
        """
        if self._within is not None:
            self._within.check_open()
        if self._closed:
            ended = "a tool of step" if self._within else "step"
            raise RunError(
                f"{ended} {self._step!r} has ended, and can do nothing any more",
                "let agents and tools wait for all they begin",
                step=self._step,
            )

    def close(self) -> None:
        """End the attempt."""
        self._closed = True

    def model(self, key: str) -> Response | None:
        """Return a recorded answer.

        Raises:
            ProviderError: If what is recorded is that there was none;
                `GuardrailError` if it is that a guardrail refused.
        """
        found = self._left.pop(key, None)
        if isinstance(found, Failed):
            raise found.exception()
        return found if isinstance(found, Response) else None

    def tool(self, key: str) -> ToolResult | Started | None:
        """Return a recorded result, or that the call was begun."""
        found = self._left.pop(key, None)
        undone = self._recorded.undone(key)  # which is found once, also by a replay
        return found if isinstance(found, ToolResult | Started) else undone

    def value(self, key: str) -> tuple[Json] | None:
        """Return a recorded value, in a tuple since it may be `None`."""
        found = self._left.pop(key, None)
        return (found.value,) if isinstance(found, Value) else None

    def reply(self, key: str) -> Reply | None:
        """Return the recorded reply of another agent.

        Raises:
            ZeroGravityError: If what is recorded is that it failed.
        """
        found = self._left.pop(key, None)
        if isinstance(found, Failed):
            raise found.exception()
        return found if isinstance(found, Reply) else None

    def refuse(self, error: ReplayMismatchError) -> None:
        """Take note that an agent that was asked does not what is recorded."""
        self._mismatch = error
        if self._within is not None:
            self._within.refuse(error)

    @property
    def replaying(self) -> bool:
        """Whether more is recorded than was asked for yet."""
        return not self._left.keys() <= self._moot

    def check_all_used(self) -> None:
        """Refuse a step that ended without asking what is recorded of it.

        Raises:
            ReplayMismatchError: If a recorded call was not made again.
        """
        if self._mismatch is not None:
            raise self._mismatch
        unused = [key for key in self._left if key not in self._moot]
        if not unused:
            return
        key = unused[0]
        recorded = self._told(key)
        new = next(map(asked, self._new.values()), "")
        instead = f"; instead it makes {new}" if new else ""
        raise ReplayMismatchError(
            f"step {self._step!r} was recorded with {recorded}, "
            f"which its agent no longer makes{instead}",
            "undo what was changed, or set the run back to that step "
            "(zg runs rewind) to have it done anew",
            step=self._step,
            call_key=key,
            recorded=recorded,
            asked=new or None,
        )

    def _told(self, key: str) -> str:
        """Say what a recorded call was."""
        if told := self._recorded.told(key):
            return told
        if isinstance(self._left[key], Value):
            return "a call of once"
        models = [k for k, o in self._outcomes.items() if type(o) in _OF_MODELS]
        return f"model call {models.index(key) + 1}"


_OF_MODELS = (Response, Failed)
