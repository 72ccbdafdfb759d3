"""Keep an answer within the tokens that it may have."""

from __future__ import annotations

import zg_core.plugin_api as zg

__all__ = ["Bound"]


class Bound:
    """What is left of the tokens that an answer may have, which may take many calls.

    Args:
        tokens: The most; `None` is any number.
    """

    def __init__(self, tokens: int | None) -> None:
        self._left = tokens
        self._allowed: int | None = None

    def of_call(self, own: int | None, able: int | None) -> int | None:
        """Return the most that the next call may write; `None` is the model's own.

        Args:
            own: The most that the agent lets it write.
            able: The most that the model can write.
        """
        given = [most for most in (own, self._left) if most]
        if given and able:
            given.append(able)
        self._allowed = min(given, default=None)
        return self._allowed

    def ends(self, response: zg.Response) -> bool:
        """Take in a part of the answer, and tell whether the answer is cut after it."""
        if self._left is None or response.stop_reason != "max_tokens":
            return False
        allowed = self._allowed or self._left
        if allowed >= self._left:
            return True
        # It may go on; where nothing is told of what was written, it was all of it.
        self._left -= min(response.usage.output_tokens or allowed, allowed)
        return False
