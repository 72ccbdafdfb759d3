"""What a tool raises to steer the model, rather than to report a failure."""

from __future__ import annotations

__all__ = ["Retry"]


class Retry(Exception):  # noqa: N818 - a signal, not an error
    """Ask the model to call the tool again, better.

    The message goes to the model as the result of the call, so it should say
    what to do differently: ``raise Retry("no such city; use the English name")``.
    """
