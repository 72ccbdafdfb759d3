"""OpenAI's own client over the application, and an agent that talks: for tests."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import anyio
import httpx2
import openai
from gateway.working import Bench

import zg_core as zg
from zg_plugins_builtin.agents.llm import LLMAgent
from zg_plugins_builtin.gateway.http.settings import CompletionSettings

__all__ = ["Held", "Streaming", "Talking", "client", "patience", "said", "streamed"]


class Talking:
    """Offers an agent for conversations, and a tool that it may call."""

    def __init__(self, *tools: str, **agent: Any) -> None:
        self.__name__ = "talking"
        self._agent = LLMAgent(
            name="talker", instructions="Talk.", tools=tools, **agent
        )

    @zg.hookimpl
    def zg_register_tools(self) -> list[zg.ToolSpec]:
        return [
            zg.ToolSpec(
                name="look",
                description="Look.",
                factory=lambda: self,
                parameters={"type": "object", "properties": {}},
            )
        ]

    async def call(self, arguments: zg.JsonObject, ctx: zg.Context) -> str:
        return "nothing"

    @zg.hookimpl
    def zg_register_agents(self) -> list[zg.AgentSpec]:
        return [
            zg.AgentSpec(
                name="talker",
                factory=lambda: self._agent,
                tools=self._agent.tools,
                capabilities=("conversation",),
            )
        ]


@dataclass
class Held:
    """A provider whose stream stops after its first words until it is told to go on."""

    text: str = "Hello, and good morning."

    def __post_init__(self) -> None:
        self.__name__ = "held"
        self.go_on = anyio.Event()

    @zg.hookimpl
    def zg_register_providers(self) -> list[zg.ProviderSpec]:
        return [zg.ProviderSpec(name="held", factory=lambda: self, free=True)]

    def info(self, model: str) -> zg.ModelInfo:
        return zg.ModelInfo()

    def estimate(self, request: zg.Request) -> int:
        return 10

    async def complete(self, request: zg.Request) -> zg.Response:
        raise AssertionError("it is streamed")

    async def stream(self, request: zg.Request) -> Any:
        first, rest = self.text[:7], self.text[7:]
        yield zg.Chunk(text=first)
        await self.go_on.wait()
        yield zg.Chunk(text=rest)
        yield zg.Chunk(
            response=zg.Response(
                message=zg.Message.assistant(self.text),
                stop_reason="end",
                model=request.model,
                usage=zg.Usage(input_tokens=3, output_tokens=5, calls=1),
            )
        )

    async def close(self) -> None:
        pass


def client(service: Bench, who: str = "ada", **options: Any) -> openai.AsyncOpenAI:
    """Return OpenAI's client, as somebody, over an application."""
    transport = httpx2.ASGITransport(service.app, raise_app_exceptions=False)
    return openai.AsyncOpenAI(
        base_url="http://localhost/v1",
        api_key=who,
        http_client=httpx2.AsyncClient(transport=transport),
        **{"max_retries": 0, **options},
    )


def said(text: str, *before: tuple[str, str]) -> list[Any]:
    """Return messages that end with what the user says."""
    earlier = [{"role": role, "content": content} for role, content in before]
    return [*earlier, {"role": "user", "content": text}]


def patience(service: Bench, **seconds: float) -> None:
    """Let completions wait for so long."""
    settings = service.services.settings
    waits = replace(settings, completions=CompletionSettings(**seconds))
    object.__setattr__(service.services, "settings", waits)


async def streamed(service: Bench, who: str = "ada", **asked: Any) -> tuple[str, Any]:
    """Return the content of a stream, and its last piece that has a reason."""
    content, last = "", None
    stream = await client(service, who).chat.completions.create(
        **{"model": "talker", "messages": said("Hi"), "stream": True, **asked}
    )
    async for chunk in stream:
        for choice in chunk.choices:
            content += choice.delta.content or ""
            last = choice.finish_reason or last
    return content, last


class Streaming:
    """Reads a stream of the application byte by byte, as it comes."""

    def __init__(self, service: Bench) -> None:
        self._app = service.app
        self.text = ""
        self._more = anyio.Event()

    async def ask(self, more: dict[str, Any]) -> None:
        sent = {"model": "talker", "messages": said("Hi"), "stream": True, **more}
        headers = {
            "host": "localhost",
            "authorization": "Bearer ada",
            "content-type": "application/json",
        }
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": "/v1/chat/completions",
            "raw_path": b"/v1/chat/completions",
            "query_string": b"",
            "headers": [(n.encode(), v.encode()) for n, v in headers.items()],
            "client": ("192.0.2.7", 4711),
            "server": ("localhost", 80),
            "state": {},
        }
        body = [{"type": "http.request", "body": json.dumps(sent).encode()}]

        async def receive() -> Any:
            if body:
                return body.pop()
            return await anyio.sleep_forever()

        async def send(message: Any) -> None:
            self.text += message.get("body", b"").decode()
            self._more.set()
            self._more = anyio.Event()

        await self._app(scope, receive, send)

    async def until(self, words: str) -> None:
        while words not in self.text:
            await self._more.wait()

    def data(self) -> list[Any]:
        blocks = self.text.strip().split("\n\n")
        data = [b.removeprefix("data: ") for b in blocks if b.startswith("data: ")]
        return [json.loads(line) for line in data if line != "[DONE]"]
