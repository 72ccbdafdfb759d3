"""Tell when a step is about to have spent what it may."""

from __future__ import annotations

import zg_core.plugin_api as zg

__all__ = ["nearly_spent"]


def nearly_spent(before: zg.Remaining, left: zg.Remaining) -> bool:
    """Tell whether the next turn of a conversation may be the last.

    A turn reads all that was said before, and so takes more than the one before it.

    Args:
        before: What was left a turn ago.
        left: What is left now.
    """
    if left.calls is not None and left.calls <= 1:
        return True
    pairs = (
        (before.usd, left.usd),
        (before.tokens, left.tokens),
        (before.seconds, left.seconds),
    )
    return any(
        then is not None and now is not None and now < 2 * (then - now)
        for then, now in pairs
    )
