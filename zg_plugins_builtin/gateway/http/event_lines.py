"""Server-Sent Events as bytes."""

from __future__ import annotations

import json

import zg_core as zg

from ..jobs.following import Following
from ..jobs.telling import envelope

__all__ = ["END", "SILENCE", "line", "line_of_delta", "line_of_event", "retry"]

SILENCE = b": ka\n\n"
"""Says that the stream is there."""
END = b"event: stream.end\ndata: {}\n\n"
"""Says that nothing comes any more."""


def line(told: zg.JsonObject, seq: int | None = None) -> bytes:
    """Return one event.

    Args:
        told: What is told; its ``type`` is the event's.
        seq: The number after which a reader goes on, who was told it.
    """
    data = json.dumps(told, separators=(",", ":"))
    number = "" if seq is None else f"id: {seq}\n"
    return f"{number}event: {told['type']}\ndata: {data}\n\n".encode()


def line_of_event(event: zg.Event, following: Following) -> bytes:
    """Return what is told of an event; see `envelope`."""
    return line(envelope(event, following), event.seq)


def line_of_delta(job_id: str, delta: zg.TextDelta) -> bytes:
    """Return a piece of an answer: without a number, since it is not kept."""
    data: zg.JsonObject = {
        "step_id": delta.step,
        "message_id": delta.call_key,
        "delta": delta.text,
        "restarted": delta.restarted,
    }
    return line({"v": 1, "type": "message.delta", "job_id": job_id, "data": data})


def retry(milliseconds: int) -> bytes:
    """Return what says how soon to come again, once the stream is cut."""
    return f"retry: {milliseconds}\n\n".encode()
