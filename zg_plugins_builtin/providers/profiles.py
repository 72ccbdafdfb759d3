"""Servers of one's own that speak OpenAI's chat completions, as data.

``base_url``, ``api_key`` and more can be set under the profile's name, as for
OpenAI; the key is optional. The model ``auto`` is the first one the server offers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from zg_core.plugin_api import Detect, ProviderSpec, Settings

if TYPE_CHECKING:
    from .openai import OpenAIProvider

__all__ = ["PROFILES", "llama_server", "lmstudio", "ollama", "vllm"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Profile:
    """A server.

    Attributes:
        name: The provider's name.
        title: What people call it.
        base_url: Where it listens unless it is told otherwise.
        env: The environment variable of its key, if it wants one.
    """

    name: str
    title: str
    base_url: str
    env: str

    @property
    def spec(self) -> ProviderSpec:
        return ProviderSpec(
            name=self.name,
            description=f"Models served by {self.title}.",
            factory=f"{__name__}:{self.name.replace('-', '_')}",
            default_model="auto",
            detect=Detect(url=f"{self.base_url}/models"),
            env=(self.env,),
            free=True,
        )

    def make(self, settings: Settings) -> OpenAIProvider:
        from ._service import Service, section
        from .openai import OpenAIProvider

        service = Service(
            provider=self.name,
            package="openai",
            env=self.env,
            base_url=self.base_url,
        )
        return OpenAIProvider(service, section(settings, self.name))


_OLLAMA = _Profile(
    name="ollama",
    title="Ollama",
    base_url="http://127.0.0.1:11434/v1",
    env="OLLAMA_API_KEY",
)
_LMSTUDIO = _Profile(
    name="lmstudio",
    title="LM Studio",
    base_url="http://127.0.0.1:1234/v1",
    env="LMSTUDIO_API_KEY",
)
_VLLM = _Profile(
    name="vllm",
    title="vLLM",
    base_url="http://127.0.0.1:8000/v1",
    env="VLLM_API_KEY",
)
_LLAMA_SERVER = _Profile(
    name="llama-server",
    title="llama.cpp's llama-server",
    base_url="http://127.0.0.1:8080/v1",
    env="LLAMA_API_KEY",
)

PROFILES = tuple(profile.spec for profile in (_OLLAMA, _LMSTUDIO, _VLLM, _LLAMA_SERVER))
"""What the plugin says of them."""


def ollama(settings: Settings) -> OpenAIProvider:
    """Make the provider of Ollama's models."""
    return _OLLAMA.make(settings)


def lmstudio(settings: Settings) -> OpenAIProvider:
    """Make the provider of LM Studio's models."""
    return _LMSTUDIO.make(settings)


def vllm(settings: Settings) -> OpenAIProvider:
    """Make the provider of vLLM's models."""
    return _VLLM.make(settings)


def llama_server(settings: Settings) -> OpenAIProvider:
    """Make the provider of llama-server's models."""
    return _LLAMA_SERVER.make(settings)
