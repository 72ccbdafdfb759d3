"""What an agent writes, in the order in which it is to be read: pure, and tested so.

What was sent cannot be taken back. So a piece is sent only once it is known to what it
belongs, and what turns out to be said anew stands on its own, after an empty line.
"""

from __future__ import annotations

import json

import zg_core as zg

__all__ = ["Writing", "text_of"]

_APART = "\n\n"


def text_of(result: zg.Json) -> str:
    """Return a result as text: JSON, unless it is text already."""
    if result is None:
        return ""
    return result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)


class Writing:
    """Follows what the models of one step write.

    Each method returns what is to be sent now.

    Args:
        step: The step.
    """

    def __init__(self, step: str) -> None:
        self._step = step
        # By call, in the order in which they began: what is known of its answer; and
        # of those that are whole, whether the next goes on with the same text.
        self._texts: dict[str, str] = {}
        self._whole: dict[str, bool] = {}
        self._done: set[str] = set()
        # Of the text that is being sent: earlier calls' part of it, and all that was.
        self._base = ""
        self._block = ""
        self._apart = False

    def heard(self, delta: zg.TextDelta) -> str:
        """Take in a piece of an answer."""
        call = delta.call_key
        if delta.step != self._step or call in self._whole:
            return ""
        before = "" if delta.restarted else self._texts.get(call, "")
        self._texts[call] = before + delta.text
        return self._more()

    def heed(self, event: zg.Event) -> str:
        """Take in an event: a whole answer, if it is one."""
        if not isinstance(event, zg.ModelAnswered) or event.step != self._step:
            return ""
        answer, call = event.response, event.call_key
        if call not in self._whole:
            self._texts[call] = answer.text
            cut = answer.stop_reason == "max_tokens"
            self._whole[call] = cut and not answer.message.tool_calls
        return self._more()

    def end(self, reply: str) -> str:
        """Take in the step's reply: what of it is not sent yet."""
        if reply.strip() == self._block.strip():
            return ""
        if self._block and reply.startswith(self._block):
            return reply[len(self._block) :]
        return _APART + reply if self._block else reply

    def _more(self) -> str:
        sent = ""
        for call, text in self._texts.items():
            if call in self._done:
                continue
            whole = call in self._whole
            sent += self._caught_up(self._base + text, whole=whole)
            if not whole:
                break
            self._done.add(call)
            if text:  # else it may not even be known when the next begins
                goes_on = self._whole[call]
                self._base = self._base + text if goes_on else ""
                self._apart = self._apart or not goes_on
        return sent

    def _caught_up(self, text: str, *, whole: bool) -> str:
        if self._apart:
            if not text:
                return ""
            first = _APART if self._block else ""
            self._block, self._apart = text, False
            return first + text
        if text.startswith(self._block):
            piece = text[len(self._block) :]
        elif not whole and self._block.startswith(text):
            return ""  # it is said anew, and was the same until here
        else:
            piece = _APART + text
        self._block = text
        return piece
