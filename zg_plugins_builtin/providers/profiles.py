"""Servers and services that speak OpenAI's chat completions, as data.

``base_url``, ``api_key`` and all quirks can be set under a profile's name, as for
OpenAI. A server of one's own needs no key, and costs nothing; its model ``auto`` is
the first one that it offers. A hosted service needs a key and is never chosen
unless it is named; its prices are known where the price table knows the name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from zg_core.plugin_api import Detect, Json, ProviderSpec, Settings

if TYPE_CHECKING:
    from .openai import OpenAIProvider

__all__ = [
    "PROFILES",
    "deepseek",
    "fireworks",
    "groq",
    "llama_server",
    "lmstudio",
    "mistral",
    "ollama",
    "openrouter",
    "together",
    "vllm",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Profile:
    """A server or a service.

    Attributes:
        name: The provider's name; of a service, as the price table has it.
        title: What people call it.
        base_url: Where it is unless it is told otherwise.
        env: The environment variable of its key, if it wants one.
        hosted: Whether it is somebody else's.
        quirks: What it does unlike OpenAI, as settings; see `OpenAIProvider`.
    """

    name: str
    title: str
    base_url: str
    env: str
    hosted: bool = False
    quirks: Mapping[str, Json] = field(default_factory=dict)

    @property
    def spec(self) -> ProviderSpec:
        own = not self.hosted
        return ProviderSpec(
            name=self.name,
            description=f"Models served by {self.title}.",
            factory=f"{__name__}:{self.name.replace('-', '_')}",
            default_model="auto" if own else None,
            detect=Detect(url=f"{self.base_url}/models") if own else None,
            env=(self.env,),
            free=own,
        )

    def make(self, settings: Settings) -> OpenAIProvider:
        from ._service import Service, section
        from .openai import OpenAIProvider

        service = Service(
            provider=self.name,
            package="openai",
            env=self.env,
            base_url=self.base_url,
            needs_key=self.hosted,
            quirks=self.quirks,
        )
        return OpenAIProvider(service, section(settings, self.name))


# -- Servers of one's own ------------------------------------------------------------

# A schema is enforced from the first token on, so that beside one no tool is called:
# https://github.com/ollama/ollama/issues/11185 (a maintainer),
# https://github.com/vllm-project/vllm/issues/39929, and
# https://github.com/ggml-org/llama.cpp/issues/11847, on which LM Studio stands as well.
_OWN_QUIRKS: Mapping[str, Json] = MappingProxyType({"schema_with_tools": False})

_OLLAMA = _Profile(
    name="ollama",
    title="Ollama",
    base_url="http://127.0.0.1:11434/v1",
    env="OLLAMA_API_KEY",
    quirks=_OWN_QUIRKS,
)
_LMSTUDIO = _Profile(
    name="lmstudio",
    title="LM Studio",
    base_url="http://127.0.0.1:1234/v1",
    env="LMSTUDIO_API_KEY",
    quirks=_OWN_QUIRKS,
)
_VLLM = _Profile(
    name="vllm",
    title="vLLM",
    base_url="http://127.0.0.1:8000/v1",
    env="VLLM_API_KEY",
    quirks=_OWN_QUIRKS,
)
_LLAMA_SERVER = _Profile(
    name="llama-server",
    title="llama.cpp's llama-server",
    base_url="http://127.0.0.1:8080/v1",
    env="LLAMA_API_KEY",
    quirks=_OWN_QUIRKS,
)

# -- Services ------------------------------------------------------------------------

# Where only some of a service's models can be held to a schema by their server, and
# others refuse the request, none is asked to: there are other ways.

_OPENROUTER = _Profile(
    name="openrouter",
    title="OpenRouter",
    base_url="https://openrouter.ai/api/v1",
    env="OPENROUTER_API_KEY",
    hosted=True,
    # It tells with the usage what it charged, in US dollars. Of some models it wants
    # back what they thought before they called a tool: Gemini refuses to go on else.
    quirks={
        "cost_field": "cost",
        "output_schema": False,
        "reasoning_field": "reasoning_details",
    },
)
_GROQ = _Profile(
    name="groq",
    title="Groq",
    base_url="https://api.groq.com/openai/v1",
    env="GROQ_API_KEY",
    hosted=True,
    quirks={"output_schema": False},
)
_DEEPSEEK = _Profile(
    name="deepseek",
    title="DeepSeek",
    base_url="https://api.deepseek.com",
    env="DEEPSEEK_API_KEY",
    hosted=True,
    # It can be held to JSON but not to a schema, and refuses a conversation with
    # tools that does not repeat what it thought.
    quirks={
        "images": False,
        "output_schema": False,
        "reasoning_field": "reasoning_content",
    },
)
_MISTRAL = _Profile(
    name="mistral",
    title="Mistral AI",
    base_url="https://api.mistral.ai/v1",
    env="MISTRAL_API_KEY",
    hosted=True,
    # It refuses fields that it does not know, and ids of calls that are not like its
    # own, https://github.com/sst/opencode/issues/1680; it tells the usage unasked.
    quirks={"call_id_length": 9, "stream_usage": False},
)
_TOGETHER = _Profile(
    name="together",
    title="Together AI",
    base_url="https://api.together.xyz/v1",
    env="TOGETHER_API_KEY",
    hosted=True,
    quirks={"output_schema": False},
)
_FIREWORKS = _Profile(
    name="fireworks",
    title="Fireworks AI",
    base_url="https://api.fireworks.ai/inference/v1",
    env="FIREWORKS_API_KEY",
    hosted=True,
)

_ALL = (
    _OLLAMA,
    _LMSTUDIO,
    _VLLM,
    _LLAMA_SERVER,
    _OPENROUTER,
    _GROQ,
    _DEEPSEEK,
    _MISTRAL,
    _TOGETHER,
    _FIREWORKS,
)
PROFILES = tuple(profile.spec for profile in _ALL)
"""What the plugin says of them."""

# What makes their providers, by the names in their specs.
ollama = _OLLAMA.make
lmstudio = _LMSTUDIO.make
vllm = _VLLM.make
llama_server = _LLAMA_SERVER.make
openrouter = _OPENROUTER.make
groq = _GROQ.make
deepseek = _DEEPSEEK.make
mistral = _MISTRAL.make
together = _TOGETHER.make
fireworks = _FIREWORKS.make
