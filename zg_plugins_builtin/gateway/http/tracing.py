"""The trace that a request belongs to (W3C Trace Context)."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import Scope

__all__ = ["Trace", "trace_of"]

_GIVEN = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_OURS = "00"
_NOT_SAMPLED = "00"
_SAMPLED = 1


@dataclass(frozen=True, slots=True)
class Trace:
    """A step in a trace: what answers one request.

    Args:
        trace_id: The trace, which others began or which begins here.
        span_id: The step.
        flags: Whether it is recorded, as two hexadecimal digits.
    """

    trace_id: str
    span_id: str
    flags: str

    @property
    def header(self) -> str:
        """The value of ``traceparent``."""
        return f"{_OURS}-{self.trace_id}-{self.span_id}-{self.flags}"

    @classmethod
    def after(cls, headers: Headers) -> Trace:
        """Return the step that follows on what a client says, or a first one.

        Args:
            headers: The headers of the request; a ``traceparent`` that is not
                well-formed, or is there twice, is as if there was none.
        """
        given = headers.getlist("traceparent")
        found = _GIVEN.fullmatch(given[0]) if len(given) == 1 else None
        chance = secrets.token_hex(24)
        span_id = chance[:16]
        if found is None or not _good(found):
            return cls(chance[16:], span_id, _NOT_SAMPLED)
        # Of the flags only the first is known here, whatever a later version has.
        return cls(found[2], span_id, f"{int(found[4], 16) & _SAMPLED:02x}")


def trace_of(scope: Scope) -> Trace | None:
    """Return the trace of a request; `None` before it has one."""
    found = scope.get("state", {}).get("trace")
    return found if isinstance(found, Trace) else None


def _good(found: re.Match[str]) -> bool:
    version, trace_id, parent_id, _, more = found.groups()
    if version == "ff" or (version == _OURS and more):
        return False
    return trace_id != "0" * 32 and parent_id != "0" * 16
