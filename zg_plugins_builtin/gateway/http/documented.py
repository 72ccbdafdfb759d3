"""The OpenAPI document, in which every operation says what a problem looks like."""

from __future__ import annotations

from typing import Any

from .. import errors
from .openai import shape
from .problems import MEDIA_TYPE

__all__ = ["CODES", "with_problems"]

_STATUSES = {
    "400": "The request cannot be read.",
    "401": "Nobody knows who asks.",
    "403": "Who asks may not do this.",
    "404": "There is no such thing for who asks.",
    "409": "The state of things does not allow it.",
    "413": "The body is too long.",
    "415": "The body is not JSON.",
    "422": "What is asked for is not valid.",
    "429": "Too much, in too little time.",
    "500": "Something went wrong in the service.",
    "503": "Not now; later.",
    "default": "Any other problem.",
}
_GENERATED = ("HTTPValidationError", "ValidationError")
CODES = sorted(
    {getattr(errors, name).code for name in errors.__all__ if name.endswith("Error")}
)


_TEXT = {"type": "string"}
_FAULT = {
    "title": "Fault",
    "description": "One thing that is wrong with a request.",
    "type": "object",
    "required": ["code", "detail"],
    "properties": {
        "pointer": {"description": "Where in the body, as a JSON pointer.", **_TEXT},
        "parameter": {"description": "Or which parameter.", **_TEXT},
        "in": {"enum": ["query", "path", "header", "cookie"], **_TEXT},
        "code": _TEXT,
        "detail": _TEXT,
    },
}
_PROBLEM = {
    "title": "Problem",
    "description": "What went wrong (RFC 9457). Programs go by its code.",
    "type": "object",
    "required": [
        *("type", "title", "status", "detail", "instance", "code", "request_id"),
    ],
    "properties": {
        "type": {"format": "uri", **_TEXT},
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "instance": {"format": "uri-reference", **_TEXT},
        "code": {
            "description": "Stable; later versions may have more of them.",
            "examples": CODES,
            **_TEXT,
        },
        "request_id": _TEXT,
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/Fault"}},
    },
    "additionalProperties": True,
}
_MISHAP = {
    "title": "OpenAIError",
    "description": "What went wrong, as clients of OpenAI's API read it.",
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": _TEXT,
                "type": _TEXT,
                "param": {"type": ["string", "null"]},
                "code": _TEXT,
            },
            "additionalProperties": True,
        }
    },
}


def with_problems(openapi: dict[str, Any]) -> dict[str, Any]:
    """Return an OpenAPI document with our problems in place of FastAPI's errors.

    Args:
        openapi: What FastAPI made; it is changed.
    """
    components = openapi.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in _GENERATED:
        schemas.pop(name, None)
    schemas |= {"Fault": _FAULT, "Problem": _PROBLEM, "OpenAIError": _MISHAP}
    components["responses"] = {
        _name(kind, status): _response(kind, media_type, description)
        for kind, media_type in _KINDS.items()
        for status, description in _STATUSES.items()
    }
    for path, operations in openapi.get("paths", {}).items():
        kind = "OpenAIError" if shape.speaks(path) else "Problem"
        for operation in operations.values():
            if isinstance(operation, dict) and "responses" in operation:
                _replace(operation["responses"], kind)
    return openapi


_KINDS = {"Problem": MEDIA_TYPE, "OpenAIError": shape.MEDIA_TYPE}


def _name(kind: str, status: str) -> str:
    return f"{kind}{status.capitalize()}"


def _response(kind: str, media_type: str, description: str) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{kind}"}
    return {"description": description, "content": {media_type: {"schema": schema}}}


def _replace(responses: dict[str, Any], kind: str) -> None:
    if MEDIA_TYPE not in responses.get("422", {}).get("content", {}):
        responses.pop("422", None)
    for status in _STATUSES:
        responses.setdefault(
            status, {"$ref": f"#/components/responses/{_name(kind, status)}"}
        )
