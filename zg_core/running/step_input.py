"""What an agent is given at one path of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .._json import Json, JsonObject

__all__ = ["StepInput"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepInput:
    """What an agent is given; the attributes are those of `Context`.

    Attributes:
        step: The path it works at.
        model: The models that its step is to try, and whoever is asked there.
        asked_model: Those that whoever asks it chose for it, which go behind.
        tools: The tools it may use, by the workflow's word; `None` is by its own.
        output_schema: JSON Schema that its output must fit, by the workflow's word.
        max_output_tokens: The most its answer may have, by the workflow's word.
    """

    run_id: str
    step: str
    agent: str
    objective: str
    prompt: str
    outputs: Mapping[str, Json]
    files: tuple[str, ...]
    model: str | None
    asked_model: str | None = None
    tools: tuple[str, ...] | None = None
    output_schema: JsonObject | None = None
    max_output_tokens: int | None = None
