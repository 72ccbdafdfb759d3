"""What OpenAI's clients send for a completion, and which job that is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr

import zg_core as zg

from ...errors import Fault, InvalidRequestError
from ...jobs import Asked
from ..job_models import SAYS, MetadataName, MetadataValue
from ..models import Text
from .catalogue import Model

__all__ = ["Completion"]

_UNSUPPORTED = "unsupported_parameter"
_MOST_METADATA = 16
_LONGEST = 100_000
_SAYS = re.compile(SAYS)
_Tokens = Annotated[StrictInt | None, Field(ge=1, le=1_000_000_000)]


class _Sent(BaseModel):
    """What a client sends; what is not known is not looked at, since there is news."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Part(_Sent):
    """A part of a message: text, since nothing else is read."""

    type: Text
    text: StrictStr | None = None


class Spoken(_Sent):
    """A message of the conversation."""

    role: Text
    content: StrictStr | list[Part] | None = None
    tool_calls: list[Any] | None = None
    function_call: Any = None


class StreamOptions(_Sent):
    """How it is streamed."""

    include_usage: StrictBool | None = None


class NamedSchema(_Sent):
    """The JSON Schema of the answer."""

    name: Text | None = None
    schema_: dict[str, Any] = Field(default_factory=dict, alias="schema")


class ResponseFormat(_Sent):
    """What the answer is to be."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: NamedSchema | None = None


class Completion(_Sent):
    """A conversation that is to be gone on with, as OpenAI's clients send it.

    ``messages`` are of ``system``, ``developer``, ``user`` and ``assistant``, and text;
    the last is the user's, and is the objective of the job.
    ``max_completion_tokens`` is the most tokens that the answer may have. ``tools``,
    ``stop``, ``logprobs``, ``logit_bias``, more than one choice and anything but text
    are refused. What else clients may send, as ``temperature``, is the agent's to
    decide, and is not looked at.
    """

    model_config = ConfigDict(
        extra="ignore",
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "model": "assistant",
                    "messages": [{"role": "user", "content": "What is a haiku?"}],
                }
            ]
        },
    )

    model: Annotated[Text, Field(min_length=1, max_length=200)]
    messages: Annotated[list[Spoken], Field(min_length=1, max_length=2_000)]
    stream: StrictBool | None = None
    stream_options: StreamOptions | None = None
    max_completion_tokens: _Tokens = None
    max_tokens: _Tokens = None
    response_format: ResponseFormat | None = None
    user: MetadataValue | None = None
    metadata: (
        Annotated[dict[MetadataName, MetadataValue], Field(max_length=_MOST_METADATA)]
        | None
    ) = None
    n: StrictInt | None = None
    tools: list[Any] | None = None
    functions: list[Any] | None = None
    stop: Any = None
    logprobs: StrictBool | None = None
    top_logprobs: StrictInt | None = None
    logit_bias: dict[str, Any] | None = None
    modalities: list[Text] | None = None
    audio: Any = None
    web_search_options: Any = None

    def asked(self, model: Model) -> Asked:
        """Return it in the words of jobs.

        Raises:
            InvalidRequestError: If it asks for what is not done here.
        """
        if faults := [*self._unsupported(), *_misplaced(self.messages)]:
            raise _refusal(faults)
        said = [_message(number, spoken) for number, spoken in enumerate(self.messages)]
        *before, last = said
        _check_objective(last.text, len(before))
        instructions = [m for m in before if m.role == "system"]
        return Asked(
            objective=last.text,
            agent=model.agent,
            workflow=model.workflow,
            metadata=self._metadata(),
            output_schema=self._schema(),
            max_output_tokens=self._most_tokens(),
            # Providers take instructions first, wherever clients put them.
            history=(*instructions, *(m for m in before if m.role != "system")),
        )

    @property
    def counted(self) -> bool:
        """Whether a stream is to end with what was used."""
        return bool(self.stream_options and self.stream_options.include_usage)

    def _most_tokens(self) -> int | None:
        given = (self.max_completion_tokens, self.max_tokens)
        return min((n for n in given if n), default=None)

    def _metadata(self) -> dict[str, str]:
        metadata = dict(self.metadata or {})
        if self.user is not None:
            metadata.setdefault("user", self.user)
        if len(metadata) > _MOST_METADATA:
            detail = f"has at most {_MOST_METADATA} entries, the user included"
            raise _refusal([Fault("/metadata", "too_long", detail)])
        return metadata

    def _schema(self) -> zg.JsonObject | None:
        wanted = self.response_format
        if wanted is None or wanted.type == "text":
            return None
        if wanted.type == "json_object":
            return {"type": "object"}
        if wanted.json_schema is None:
            place = "/response_format/json_schema"
            raise _refusal([Fault(place, "required", "is needed for this type")])
        return dict(wanted.json_schema.schema_)

    def _unsupported(self) -> list[Fault]:
        other = set(self.modalities or ()) - {"text"}
        refused = {
            "n": self.n not in (None, 1),
            "tools": bool(self.tools),
            "functions": bool(self.functions),
            "stop": bool(self.stop),
            "logprobs": bool(self.logprobs),
            "top_logprobs": bool(self.top_logprobs),
            "logit_bias": bool(self.logit_bias),
            "modalities": bool(other),
            "audio": self.audio is not None,
            "web_search_options": self.web_search_options is not None,
        }
        return [
            Fault(f"/{name}", _UNSUPPORTED, _WHY.get(name, "is not supported here"))
            for name, wanted in refused.items()
            if wanted
        ]


_WHY = {
    "n": "is not supported here: a job has one result",
    "tools": "is not supported here: agents have their own tools",
    "functions": "is not supported here: agents have their own tools",
}
_ROLES: dict[str, zg.Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
}


def _misplaced(messages: Sequence[Spoken]) -> list[Fault]:
    faults = []
    for number, spoken in enumerate(messages):
        place = f"/messages/{number}"
        if spoken.role not in _ROLES:
            known = ", ".join(_ROLES)
            faults.append(Fault(f"{place}/role", "enum", f"must be one of {known}"))
        if spoken.tool_calls or spoken.function_call is not None:
            detail = "is not supported here: agents call their own tools"
            faults.append(Fault(f"{place}/tool_calls", _UNSUPPORTED, detail))
    if messages[-1].role != "user":
        detail = "must end with a message of the user"
        faults.append(Fault("/messages", "invalid", detail))
    return faults


def _message(number: int, spoken: Spoken) -> zg.Message:
    place = f"/messages/{number}/content"
    parts = spoken.content
    if isinstance(parts, list):
        faults = [
            Fault(
                f"{place}/{n}",
                "unsupported_content",
                "is no text; nothing else is read",
            )
            for n, part in enumerate(parts)
            if part.type != "text" or part.text is None
        ]
        if faults:
            raise _refusal(faults)
        text = "".join(part.text or "" for part in parts)
    else:
        text = parts or ""
    if not _SAYS.fullmatch(text):
        raise _refusal([Fault(place, "pattern", "has characters that nobody writes")])
    return zg.Message(role=_ROLES[spoken.role], parts=(zg.Text(text=text),))


def _check_objective(text: str, number: int) -> None:
    place = f"/messages/{number}/content"
    if not text.strip():
        raise _refusal([Fault(place, "too_short", "must say something")])
    if len(text) > _LONGEST:
        detail = f"has {len(text):,} characters; {_LONGEST:,} is most"
        raise _refusal([Fault(place, "too_long", detail)])


def _refusal(faults: Sequence[Fault]) -> InvalidRequestError:
    many = len(faults)
    return InvalidRequestError(
        "1 thing is wrong" if many == 1 else f"{many} things are wrong", "", *faults
    )
