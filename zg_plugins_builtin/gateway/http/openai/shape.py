"""Errors as clients of OpenAI's API read them, and for which paths."""

from __future__ import annotations

import re
from typing import Any

from ...errors import Fault, GatewayError, InvalidRequestError

__all__ = ["MEDIA_TYPE", "PREFIX", "document", "headers_of", "speaks", "status_of"]

PREFIX = "/v1/"
MEDIA_TYPE = "application/json"
_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
}
_NUMBER = re.compile(r"[0-9]+")


def speaks(path: str) -> bool:
    """Tell whether who asks for a path speaks as OpenAI's clients do."""
    return path.startswith(PREFIX)


def status_of(error: GatewayError, status: int | None = None) -> int:
    """Return the status of an error: what is not valid is 400 there, not 422."""
    if isinstance(error, InvalidRequestError) and error.code == "validation_error":
        return 400
    return status or error.status


def document(error: GatewayError, status: int | None = None) -> dict[str, Any]:
    """Return an error as OpenAI's clients read it.

    Args:
        error: What happened.
        status: Another status than the error's own.
    """
    faults = error.faults if isinstance(error, InvalidRequestError) else ()
    answered = status_of(error, status)
    kind = "server_error" if answered >= 500 else "invalid_request_error"
    return {
        "error": {
            **error.details,
            "message": "; ".join(map(_said, faults)) or str(error),
            "type": _TYPES.get(answered, kind),
            "param": _param(faults[0]) if faults else None,
            "code": faults[0].code if faults else error.code,
        }
    }


def headers_of(error: GatewayError) -> dict[str, str]:
    """Return the headers that an error has only here.

    Where a job was made, to ask again would be to have another one made.
    """
    job_id = error.details.get("job_id")
    return {"x-job-id": job_id, "x-should-retry": "false"} if job_id else {}


def _said(fault: Fault) -> str:
    param = _param(fault)
    return f"{param}: {fault.detail}" if param else fault.detail


def _param(fault: Fault) -> str | None:
    """Return where a fault is, as ``messages[0].content``."""
    param = ""
    for part in fault.pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if _NUMBER.fullmatch(name):
            param += f"[{name}]"
        else:
            param += f".{name}" if param else name
    return param or None
