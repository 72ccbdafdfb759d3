"""Models in GGUF files, run inside this process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import threading
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from importlib.util import find_spec
from pathlib import Path

import anyio
from anyio.to_thread import run_sync

from zg_core.plugin_api import (
    Chunk,
    ConfigError,
    JsonObject,
    Message,
    ModelInfo,
    Progress,
    ProviderError,
    ProviderResponseError,
    Request,
    Response,
    Settings,
    StopReason,
    Usage,
)

from ..models.catalogue import named
from ._llama import EXTRA, Llama, check_file
from ._service import refuse_others, section

__all__ = ["LocalProvider", "make"]

_CONTEXT_TOKENS, _PARALLEL, _MOST_THREADS = 4096, 4, 8
_SMALL_BYTES = 1_000_000_000
"""A model in a smaller file gets short prompts and tiny schemas."""

# What a model of a hundred million parameters needs so as not to turn in circles,
# nor to lose itself; found by trying. Greater ones know better in their own files.
_SMALL_SAMPLING = {"temperature": 0.0, "repeat_penalty": 1.1, "repeat_last_n": 128}
_SEED = 7

# How llguidance is to write JSON: small models lose their way in free white space,
# and what it does not know of a schema is checked afterwards anyway.
_WRITING = {
    "item_separator": ", ",
    "key_separator": ": ",
    "whitespace_flexible": False,
    "lenient": True,
}
_REASONS: dict[str, StopReason] = {"stop": "end", "length": "max_tokens"}
_TOKENS_PER_MESSAGE, _TOKENS_AROUND = 16, 64


def make(settings: Settings) -> LocalProvider:
    """Make the provider."""
    return LocalProvider(section(settings, "local"))


class LocalProvider:
    """Serves models in GGUF files: by name if we know them, else by their path.

    A model is loaded when it is first asked and shared by all runs; requests that
    come at the same time are worked on together.

    Args:
        settings: Its section: ``context_tokens``, how much a request may be, prompt
            and answer together; ``parallel``, how many are worked on at once, and
            ``threads``, how many threads compute. Memory grows with the product of
            the first two. Answers are the same each time with ``parallel = 1``; else
            what is asked at the same time may change a word.
    """

    def __init__(self, settings: Settings) -> None:
        refuse_others(settings, "local", ("context_tokens", "parallel", "threads"))
        self._context = _count(settings, "context_tokens", _CONTEXT_TOKENS)
        self._parallel = _count(settings, "parallel", _PARALLEL)
        self._compute = _count(settings, "threads", _usual_threads())
        self._loaded: dict[Path, Llama] = {}
        self._loading = threading.Lock()
        self._closing = threading.Event()
        self._threads = ThreadPoolExecutor(self._parallel, "zg-local")

    def info(self, model: str) -> ModelInfo:
        """Say what the model can do: it calls no tools, and sees no images."""
        return ModelInfo(
            tools=False,
            images=False,
            small=_is_small(model),
            context_tokens=self._context,
            max_output_tokens=self._context // 4,
        )

    def estimate(self, request: Request) -> int:
        """Return the bytes of the texts: no tokenizer makes more tokens of them."""
        texts = sum(len(_clean(m.text).encode()) for m in request.messages)
        return texts + _TOKENS_PER_MESSAGE * len(request.messages) + _TOKENS_AROUND

    async def prepare(self, model: str, progress: Progress, *, download: bool) -> None:
        """Have the model here: one we know is fetched, others must be there."""
        if find_spec("xllamacpp") is None:
            raise ConfigError("local models need xllamacpp", EXTRA)
        known = named(model)
        if known is None:
            try:
                check_file(_path(model))
            except ProviderError as error:
                raise ConfigError(error.cause, error.remedy) from error
            return
        if known.path.exists():
            return
        if not download:
            raise ConfigError(
                f"the model {model} is not here, and may not be fetched",
                f"zg models pull {model}",
            )
        from ..models.pull import pull

        await pull(known, progress)

    async def complete(self, request: Request) -> Response:
        """Answer a request."""
        async with aclosing(self.stream(request)) as chunks:
            async for chunk in chunks:
                if chunk.response is not None:
                    return chunk.response
        raise AssertionError("the last chunk carries the response")  # pragma: no cover

    async def stream(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """Answer a request in pieces."""
        said: list[str] = []
        reason, usage = "", None
        async with aclosing(self._events(request)) as events:
            async for event in events:
                usage = event.get("usage") or usage
                for choice in event.get("choices", ()):
                    reason = choice["finish_reason"] or reason
                    if text := choice["delta"].get("content"):
                        said.append(text)
                        yield Chunk(text=text)
        yield Chunk(response=_response(request, "".join(said), reason, usage or {}))

    async def close(self) -> None:
        """Stop what is under way and free the memory."""
        self._closing.set()
        with anyio.CancelScope(shield=True):
            await run_sync(self._unload)

    def _unload(self) -> None:
        self._threads.shutdown(cancel_futures=True)
        while self._loaded:
            self._loaded.popitem()[1].close()

    async def _events(self, request: Request) -> AsyncGenerator[JsonObject, None]:
        """Yield what the model says while a thread waits for it.

        Not a worker thread of anyio, since that would have to be waited for in a
        task group, and nothing may be yielded inside of one.
        """
        path, body = _path(request.model), self._body(request)
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[JsonObject | None] = asyncio.Queue()
        left = threading.Event()

        def tell(event: JsonObject | None) -> bool:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(queue.put_nowait, event)
                return left.is_set() or self._closing.is_set()
            return True

        def work() -> None:
            try:
                self._model(path).answer(body, tell)
            finally:
                tell(None)

        done = loop.run_in_executor(self._threads, work)
        try:
            while (event := await queue.get()) is not None:
                yield event
            await done
        finally:
            left.set()
            done.cancel()

    def _model(self, path: Path) -> Llama:
        with self._loading:
            if path not in self._loaded:
                self._loaded[path] = Llama(
                    path,
                    context_tokens=self._context,
                    parallel=self._parallel,
                    threads=self._compute,
                )
            return self._loaded[path]

    def _body(self, request: Request) -> JsonObject:
        info = self.info(request.model)
        body: JsonObject = {
            "messages": [_message(message) for message in request.messages],
            "max_tokens": request.max_output_tokens or info.max_output_tokens,
            "seed": _SEED,
        }
        if info.small:
            body |= _SMALL_SAMPLING
        if request.temperature is not None:
            body["temperature"] = request.temperature
        if request.output_schema is not None:
            schema = json.dumps({**request.output_schema, "x-guidance": _WRITING})
            body["grammar"] = f"%llguidance {{}}\nstart: %json {schema}"
        return body


def _usual_threads() -> int:
    """Return half of the cores this process may use.

    llama.cpp's threads wait for each other many times for each token, at full
    speed. Where one of them has to share its core, that is some thirty times slower
    than half of the threads are (two cores, two other busy processes).
    """
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, min(cores // 2, _MOST_THREADS))


def _count(settings: Settings, name: str, usual: int) -> int:
    value = settings.get(name, usual)
    if not isinstance(value, int) or value < 1:
        raise ConfigError(
            f"{name} of the provider local is {value!r}, which is no number above 0",
            f"set it to one like {usual} in your own configuration file",
        )
    return value


def _path(model: str) -> Path:
    """Return the file of a model.

    Raises:
        ProviderError: If it is no path, and we know no model of that name, or it
            has not been fetched.
    """
    known = named(model)
    if known is None:
        path = Path(model).expanduser()
        if path.suffix == ".gguf" or (len(path.parts) > 1 and path.is_file()):
            return path
        raise ProviderError(
            f"there is no local model {model!r}",
            "`zg models` lists those with a name; others are named by their path, "
            "local:/path/to/model.gguf",
        )
    if not known.path.exists():
        raise ProviderError(
            f"the model {model} has not been fetched", f"zg models pull {model}"
        )
    return known.path


def _is_small(model: str) -> bool:
    if known := named(model):
        return known.size < _SMALL_BYTES
    path = Path(model).expanduser()
    return path.is_file() and path.stat().st_size < _SMALL_BYTES


def _message(message: Message) -> JsonObject:
    # It calls no tools, but may take over from a model that did.
    role = "user" if message.role == "tool" else message.role
    return {"role": role, "content": _clean(message.text)}


def _clean(text: str) -> str:
    """Return text as UTF-8 can say it, without halves of characters."""
    return text.encode(errors="replace").decode()


def _response(request: Request, text: str, reason: str, usage: JsonObject) -> Response:
    if not usage:
        raise ProviderResponseError("the local model stopped in the middle")
    cached = usage.get("prompt_tokens_details", {}).get("cached_tokens", 0)
    return Response(
        message=Message.assistant(text),
        stop_reason=_REASONS.get(reason, "other"),
        usage=Usage(
            input_tokens=usage["prompt_tokens"],
            output_tokens=usage["completion_tokens"],
            cached_input_tokens=cached,
            calls=1,
        ),
        model=request.model,
        cost_usd=0.0,
    )
