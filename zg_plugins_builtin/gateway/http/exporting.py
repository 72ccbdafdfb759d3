"""What is kept of a tenant, as lines of JSON that are sent while they are read."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from starlette.responses import StreamingResponse

from ..jobs.views import rfc3339

__all__ = ["LINES", "lines_of"]

_TYPE = "application/x-ndjson"
LINES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A line for each row: its table, and what it says.",
        "content": {_TYPE: {}},
    }
}


def lines_of(rows: AsyncIterator[tuple[str, dict[str, Any]]]) -> StreamingResponse:
    """Return an answer that is a line for each row.

    Args:
        rows: The rows, each with the name of its table.
    """

    async def lines() -> AsyncIterator[bytes]:
        async for table, row in rows:
            told = {"table": table, "row": row}
            yield json.dumps(told, default=_said).encode() + b"\n"

    headers = {"content-disposition": 'attachment; filename="export.ndjson"'}
    return StreamingResponse(lines(), media_type=_TYPE, headers=headers)


def _said(value: object) -> str | None:
    return rfc3339(value) if isinstance(value, datetime) else str(value)
