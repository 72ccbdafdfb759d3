"""Hold one GGUF model in memory, and let threads ask it.

xllamacpp is llama.cpp's server as a library. It always listens as well, so it is
given a socket that is gone before anybody could find it; we call it directly.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

from zg_core.plugin_api import (
    ContextLengthError,
    JsonObject,
    ProviderError,
    ProviderRequestError,
    ProviderUnavailableError,
)

__all__ = ["EXTRA", "Llama", "Tell", "check_file"]

EXTRA = "pip install 'zerogravity[local]'"
"""How the package that runs models gets here."""

Tell: TypeAlias = Callable[[JsonObject], bool]
"""Is told a piece of an answer, in OpenAI's format; returns whether to stop."""

_SILENT = -1
_BATCH = 128
"""Tokens of a prompt that are read between two chances to stop."""
_LONGEST_SOCKET = 100  # systems allow 104 to 108 bytes


class Llama:
    """One model in memory; all of its methods block.

    Args:
        path: The GGUF file.
        context_tokens: How much each request may be, prompt and answer together.
        parallel: How many requests are worked on at once.
        threads: How many threads compute.

    Raises:
        ProviderError: If it cannot be loaded.
    """

    def __init__(
        self, path: Path, *, context_tokens: int, parallel: int, threads: int
    ) -> None:
        library = _library()
        check_file(path)
        params = library.CommonParams()
        params.model.path = str(path)
        params.n_ctx = context_tokens * parallel
        params.n_parallel = parallel
        params.n_batch = _BATCH
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
        params.n_threads_http = 1
        params.verbosity = _SILENT
        params.warmup = False
        params.api_keys = [secrets.token_hex(16)]
        with tempfile.TemporaryDirectory(prefix="zg-") as folder:
            socket = f"{folder}/llama.sock"
            if len(socket) < _LONGEST_SOCKET:
                params.hostnames = [socket]
            try:
                self._server: Any = library.Server(params)
            except RuntimeError as error:
                raise ProviderError(
                    f"the model file {path} cannot be loaded",
                    "it may be cut short, of a kind that xllamacpp does not know, or "
                    "too large for this machine; fetch it again, or name another",
                    file=str(path),
                ) from error

    def answer(self, body: JsonObject, tell: Tell) -> None:
        """Answer a request in OpenAI's format, streaming.

        Raises:
            ProviderError: If it cannot be answered.
        """
        errors: list[JsonObject] = []

        def listen(event: JsonObject) -> bool:
            if "error" in event:
                errors.append(event["error"])
                return True
            return tell(event)

        body |= {
            "stream": True,
            "stream_options": {"include_usage": True},
            "return_progress": True,  # so that there is an event while it reads
        }
        try:
            self._server.handle_chat_completions(body, listen)
        except ValueError as error:  # the model's own template says no
            raise _refused(str(error)) from error
        except RuntimeError as error:
            raise ProviderUnavailableError(
                f"the local model failed: {error}", "try again"
            ) from error
        if errors:
            raise _error(errors[0])

    def close(self) -> None:
        """Free the memory, when nobody is asking any more."""
        self._server = None


def _library() -> Any:
    try:
        return import_module("xllamacpp")
    except ModuleNotFoundError as error:
        raise ProviderError("local models need xllamacpp", EXTRA) from error
    except ImportError as error:
        raise ProviderError(
            f"xllamacpp cannot be loaded on this machine: {error}",
            "name a model of another provider",
        ) from error


def check_file(path: Path) -> None:
    """See that a file looks like a model.

    Raises:
        ProviderError: If it does not, or cannot be read.
    """
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise ProviderError(
            f"the model file {path} cannot be read: {error.strerror}",
            "name a GGUF file that is there: local:/path/to/model.gguf",
            file=str(path),
        ) from error
    if magic != b"GGUF":
        raise ProviderError(
            f"{path} is not a GGUF file", "name one that is", file=str(path)
        )


def _error(error: JsonObject) -> ProviderError:
    message, status = str(error.get("message", error)), error.get("code")
    if error.get("type") == "exceed_context_size_error":
        return ContextLengthError(
            f"the prompt of {error['n_prompt_tokens']} tokens does not fit into the "
            f"{error['n_ctx']} tokens of the local model",
            "shorten it, or raise context_tokens in the settings of local",
        )
    if isinstance(status, int) and status >= 500:
        return ProviderUnavailableError(
            f"the local model failed: {message}", "try again", status=status
        )
    return _refused(message)


def _refused(message: str) -> ProviderRequestError:
    return ProviderRequestError(
        f"the local model cannot be asked this: {message}",
        "change the request, or name another model",
    )
