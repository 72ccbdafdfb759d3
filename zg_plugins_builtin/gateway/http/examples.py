"""Examples for the OpenAPI document: made of its schemas, with values by their names.

So no operation is without one, also none that is added later. Where a name is not
known here the value is made of the schema alone; an example that the schema itself
states goes before all of this.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator

from .. import errors

__all__ = ["example_of", "with_examples"]

_JSON = ("/json", "+json")
_ID = "01a2257d7d207bc3b1d59ad888c4236d"
_AT = "2026-11-29T12:00:00.000Z"
_DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_DEEPEST = 12
"""Levels after which an example ends: a schema may be in itself."""

_VALUES: dict[str, Any] = {
    "access_token": "eyJhbGciOiJFZDI1NTE5In0.e30.c2lnbmF0dXJl",
    "address": "192.0.2.7",
    "agent": "engineer",
    "approval_id": f"apr_{_ID}",
    "args": {"path": "notes.md"},
    "args_sha256": _DIGEST,
    "artifact_id": f"art_{_ID}",
    "attempt": 1,
    "budget": {"max_cost_usd_micros": 500_000},
    "callback_url": "https://app.example.com/hook",
    "capabilities": ["implementation"],
    "cidrs": ["192.0.2.0/24"],
    "client": "curl/8.5.0",
    "code": "validation_error",
    "comment": "it is an old file",
    "content": "Write a haiku",
    "cost_usd_micros": 4_200,
    "current_password": "violet kettles argue at midnight",
    "cursor": "WyJqb2JfMDFhMjI1N2QiXQ.c2lnbmF0dXJl",
    "decision": "approve",
    "delivery_id": f"whd_{_ID}",
    "description": "Makes the thing itself, in files.",
    "detail": "1 thing is wrong",
    "email": "ada@example.com",
    "endpoint_id": f"whe_{_ID}",
    "event_type": "job.completed",
    "events": ["job.completed", "job.failed"],
    "expires_in": 600,
    "group_by": "day",
    "hint": "zgk_live_aB3d",
    "href": f"/api/v1/job/job_{_ID}/artifacts/art_{_ID}",
    "identity_id": f"idn_{_ID}",
    "input_tokens": 120,
    "interrupt_id": f"inp_{_ID}",
    "issuer": "https://accounts.google.com",
    "job_id": f"job_{_ID}",
    "key": f"zgk_live_{_ID}c0ffee",
    "key_id": f"key_{_ID}",
    "limit": 20,
    "links": {"self": f"/api/v1/job/job_{_ID}"},
    "max_cost_usd_micros": 500_000,
    "media_type": "text/markdown",
    "message": "half of it is written",
    "message_id": f"msg_{_ID}",
    "metadata": {"team": "booking"},
    "model": "openai:gpt-5",
    "name": "engineer",
    "new_password": "nine quiet ferries to Gdansk",
    "next_cursor": "WyJqb2JfMDFhMjI1N2QiXQ.c2lnbmF0dXJl",
    "objective": "Build a booking site for a yoga studio",
    "output_schema": {"type": "object"},
    "outcome": "delivered",
    "output_tokens": 480,
    "password": "violet kettles argue at midnight",
    "path": "site/index.html",
    "payload": "blue",
    "period": "day",
    "prices": "genai-prices 0.2.3",
    "progress": 0.4,
    "priority": "normal",
    "provider": "google",
    "public_keys": ["whpk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="],
    "qualified": "builtin:engineer",
    "question": "Which colour?",
    "reason": "it is not needed any more",
    "refresh_token": "zgr_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "request_id": f"req_{_ID}",
    "response_schema": {"type": "string", "enum": ["red", "blue"]},
    "result": "The site is in site/index.html.",
    "risk": "high",
    "roles": ["member"],
    "run_after": _AT,
    "scopes": ["jobs:read", "jobs:write"],
    "scope": "tenant",
    "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "session_id": f"ses_{_ID}",
    "sha256": _DIGEST,
    "state": "running",
    "status": "processing",
    "step": "build",
    "switch_id": f"kil_{_ID}",
    "task_types": ["technical"],
    "tenant_id": f"ten_{_ID}",
    "ticket": "zgt_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "timeout_s": 600,
    "tool": "builtin:write_file",
    "tools": ["read_file", "write_file"],
    "type": "step.started",
    "url": "https://app.example.com/hook",
    "user_id": f"usr_{_ID}",
    "version": 7,
    "workflow": "adaptive",
}
_FORMATS = {"date-time": _AT, "date": "2026-11-29", "uri": "https://zg.example.com"}
_INSTEAD: dict[str, dict[str, Any]] = {
    "ApprovalAnswer": {
        "state": "pending",
        "edited_args": None,
        "comment": None,
        "decided_by": None,
        "decided_at": None,
    },
    "InputAnswer": {"state": "pending", "decided_by": None, "decided_at": None},
    "PendingCounts": {"approvals": 0, "inputs": 0},
    "Objective": {
        "priority": "normal",
        "metadata": {"team": "booking"},
        "budget": {"max_cost_usd_micros": 500_000},
    },
    "JobAnswer": {
        "status": "completed",
        "state": "succeeded",
        "progress": 1.0,
        "error": None,
        "state_reason": None,
        "parent_job_id": None,
    },
    "OneSwitch": {
        "scope": "agent",
        "id": "engineer",
        "known": True,
        "tenant_id": None,
        "lifted_by": None,
        "lifted_at": None,
    },
    "SwitchWanted": {"scope": "agent", "id": "engineer"},
    "OneDelivery": {"state": "delivered", "due_at": None},
    "Problem": {"instance": "/api/v1/objective", "title": "Validation error"},
}
"""Values that make sense together, by schema."""
_PLACE = "https://zerogravity.dev/problems/"
_ID_PATTERN = re.compile(r"\^\(?(\w+?)(?:\|\w+)*\)?_\[0-9a-f\]\{32\}\$")
_STATUS = re.compile(r"[0-9]{3}$")
_PLAIN: dict[str, Any] = {
    "string": "text",
    "integer": 1,
    "number": 0.5,
    "boolean": True,
    "null": None,
}


def with_examples(openapi: dict[str, Any]) -> dict[str, Any]:
    """Return an OpenAPI document in which each operation has examples.

    Args:
        openapi: The document; it is changed.
    """
    for operation in _operations(openapi):
        for parameter in operation.get("parameters", ()):
            if parameter.get("required") and "example" not in parameter:
                made = example_of(parameter["schema"], openapi, parameter["name"])
                parameter["example"] = made
        for media in _json_bodies(operation):
            if "example" not in media and "examples" not in media:
                media["example"] = example_of(media.get("schema", {}), openapi)
    for name, response in openapi["components"].get("responses", {}).items():
        for media in response.get("content", {}).values():
            media.setdefault("example", _problem(name, media, openapi))
    return openapi


def _operations(openapi: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for operations in openapi.get("paths", {}).values():
        for operation in operations.values():
            if isinstance(operation, dict) and "responses" in operation:
                yield operation


def _json_bodies(operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    bodies = [operation.get("requestBody", {})]
    bodies += [r for status, r in operation["responses"].items() if status < "3"]
    for body in bodies:
        for kind, media in body.get("content", {}).items():
            if kind.endswith(_JSON):  # one document, and not a line for each
                yield media


def _problem(name: str, media: dict[str, Any], openapi: dict[str, Any]) -> Any:
    """Return an example of a problem, of the status in a response's name."""
    made = example_of(media["schema"], openapi)
    status = _STATUS.search(name)
    if status is None or "code" not in made:
        return made
    code = _CODES.get(int(status[0]), "internal_error")
    made |= {
        "type": _PLACE + code.replace("_", "-"),
        "title": code.replace("_", " ").capitalize(),
        "status": int(status[0]),
        "code": code,
    }
    return made


_KINDS = (getattr(errors, name) for name in errors.__all__ if name.endswith("Error"))
_CODES: dict[int, str] = {}
for _kind in _KINDS:
    if _kind.__mro__[1] is errors.GatewayError:
        _CODES.setdefault(_kind.status, _kind.code)


def example_of(schema: dict[str, Any], openapi: dict[str, Any], name: str = "") -> Any:
    """Return a value that fits a schema.

    Args:
        schema: The schema.
        openapi: The document that it is in.
        name: The name that such a value has.
    """
    return _Maker(openapi).make(schema, name, _DEEPEST)


class _Maker:
    """Makes examples of the schemas of one document."""

    def __init__(self, openapi: dict[str, Any]) -> None:
        self._components = openapi.get("components", {})

    def make(self, schema: dict[str, Any], name: str, levels: int) -> Any:
        """Return a value: a stated one, else one by its name, else any that fits."""
        for value in self._known(schema, name):
            if self._fits(value, schema):
                return copy.deepcopy(value)
        if "$ref" in schema:
            return self.make(self._meant(schema), name, levels)
        for one in ("allOf", "anyOf", "oneOf"):
            if one in schema:
                return self._chosen(schema[one], name, levels)
        kind = schema.get("type")
        if kind == "object" or "properties" in schema:
            return self._object(schema, levels)
        if kind == "array":
            return self._array(schema, name, levels)
        if kind == "string":
            return self._text(schema, name)
        if kind in ("integer", "number"):
            return max(_PLAIN[kind], schema.get("minimum", 0))
        return _PLAIN.get(str(kind))

    def _known(self, schema: dict[str, Any], name: str) -> Iterator[Any]:
        yield from schema.get("examples", ())[:1]
        yield from (schema[key] for key in ("example", "const") if key in schema)
        if name in _VALUES:
            yield _VALUES[name]
        yield from schema.get("enum", ())[:1]
        if "default" in schema:
            yield schema["default"]

    def _fits(self, value: Any, schema: dict[str, Any]) -> bool:
        whole = {**schema, "components": self._components}
        return bool(Draft202012Validator(whole).is_valid(value))

    def _meant(self, schema: dict[str, Any]) -> dict[str, Any]:
        name = schema["$ref"].rpartition("/")[2]
        meant: dict[str, Any] = self._components["schemas"][name]
        return meant

    def _chosen(self, several: list[dict[str, Any]], name: str, levels: int) -> Any:
        """Return an example of the first; nothing, where that may be and ends it."""
        if {"type": "null"} in several and levels <= 0:
            return None
        return self.make(several[0], name, levels)

    def _object(self, schema: dict[str, Any], levels: int) -> dict[str, Any]:
        instead = _INSTEAD.get(schema.get("title", ""), {})
        required = schema.get("required", ())
        made: dict[str, Any] = {}
        for name, part in schema.get("properties", {}).items():
            if name in instead:
                made[name] = copy.deepcopy(instead[name])
            elif name in required:
                made[name] = self.make(part, name, levels - 1)
        return made

    def _array(self, schema: dict[str, Any], name: str, levels: int) -> list[Any]:
        if levels <= 0 and not schema.get("minItems"):
            return []
        return [self.make(schema.get("items", {}), name, levels - 1)]

    def _text(self, schema: dict[str, Any], name: str) -> str:
        if "format" in schema:
            return _FORMATS.get(schema["format"], "text")
        if name.endswith(("_at", "time")) or name in ("at", "ts", "since", "from"):
            return _AT
        found = _ID_PATTERN.fullmatch(schema.get("pattern", ""))
        if found:
            return f"{found[1]}_{_ID}"
        return "text".ljust(schema.get("minLength", 0), "x")
