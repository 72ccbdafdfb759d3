"""What OpenAI's formats say that an answer used."""

from __future__ import annotations

from zg_core.plugin_api import Json, Usage

from ._wire_json import counted

__all__ = ["usage_of"]


def usage_of(usage: Json, *, read: str, wrote: str) -> Usage:
    """Return the usage; no part of it is more than the whole.

    Args:
        usage: What the server says.
        read: What it calls the tokens of the prompt.
        wrote: What it calls those of the answer.
    """
    if not isinstance(usage, dict):
        return Usage(calls=1)
    all_read, all_written = counted(usage, read), counted(usage, wrote)
    into, out = usage.get(f"{read}_details"), usage.get(f"{wrote}_details")
    return Usage(
        input_tokens=all_read,
        output_tokens=all_written,
        cached_input_tokens=_part(into, "cached_tokens", all_read),
        cache_write_tokens=_part(into, "cache_write_tokens", all_read),
        reasoning_tokens=_part(out, "reasoning_tokens", all_written),
        calls=1,
    )


def _part(details: Json, name: str, whole: int) -> int:
    if not isinstance(details, dict) or not details.get(name):
        return 0
    return min(counted(details, name), whole)
