"""The files that jobs gave: by id, and only as they were recorded."""

from __future__ import annotations

import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from anyio import to_thread

import zg_core as zg

from ..errors import NotFoundError

__all__ = ["File", "artifact_bytes", "artifact_id", "files_of"]


@dataclass(frozen=True, slots=True)
class File:
    """A file that a job gave.

    Args:
        id: Its id, which is of its content too.
        path: Its path, for people; it is not asked for by it.
        media_type: What its name says that it is.
        size: In bytes.
        sha256: The digest of its content.
    """

    id: str
    path: str
    media_type: str
    size: int
    sha256: str

    @property
    def name(self) -> str:
        """The name of the file, without folders."""
        return PurePosixPath(self.path).name


def artifact_id(job_id: str, path: str, sha256: str) -> str:
    """Return the id of a file of a job, as it was written with this content."""
    said = f"{job_id}\0{path}\0{sha256}".encode()
    return f"art_{hashlib.sha256(said).hexdigest()[:32]}"


def files_of(job_id: str, artifacts: tuple[zg.Artifact, ...]) -> list[File]:
    """Return the files of a job."""
    return [
        File(
            id=artifact_id(job_id, artifact.path, artifact.sha256),
            path=artifact.path,
            media_type=mimetypes.guess_type(artifact.path, strict=True)[0]
            or "application/octet-stream",
            size=artifact.size,
            sha256=artifact.sha256,
        )
        for artifact in artifacts
    ]


async def artifact_bytes(
    job_id: str, result: zg.RunResult, wanted: str
) -> tuple[File, bytes]:
    """Return a file with its content.

    Raises:
        NotFoundError: If there is none of this id, or it is not what was recorded.
    """
    for file in files_of(job_id, result.artifacts):
        if file.id == wanted:
            content = await to_thread.run_sync(_read, Path(result.out), file)
            if content is not None:
                return file, content
    raise NotFoundError("there is no such artifact", "check its id")


def _read(folder: Path, file: File) -> bytes | None:
    """Return what a file holds; `None` unless it is the very content that was written.

    Whatever stands in its place by now, a link say, has another digest.
    """
    try:
        with (folder / file.path).open("rb") as opened:
            content = opened.read(file.size + 1)
    except OSError:
        return None
    return content if hashlib.sha256(content).hexdigest() == file.sha256 else None
