"""The floor of reading: a bare FastAPI route that answers with a job from memory."""

from __future__ import annotations

import json
import socket
import sys
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel


class Job(BaseModel):
    """A job, as anybody would declare it."""

    job_id: str
    status: str
    progress: float
    result: Any
    priority: str
    callback_url: str | None
    created_at: str
    completed_at: str | None
    objective: str
    state: str
    state_reason: str | None
    progress_detail: dict[str, Any]
    error: dict[str, Any] | None
    agent: str | None
    workflow: str | None
    parent_job_id: str | None
    metadata: dict[str, str]
    usage: dict[str, int | None]
    budget: dict[str, int]
    pending: dict[str, int]
    attempt: int
    version: int
    started_at: str | None
    links: dict[str, str]


def main(document: str) -> None:
    """Serve one job, until ended."""
    known = json.loads(document)
    app = FastAPI()

    @app.get("/api/v1/job/{job_id}")
    async def get(job_id: str) -> Job:
        if job_id != known["job_id"]:
            raise HTTPException(404)
        return Job(**known)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
        config = uvicorn.Config(app, log_level="warning", access_log=False)
        uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main(sys.argv[1])
