"""Where a provider's models are served, what they can do, and what is set of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

from zg_core.plugin_api import ConfigError, Json, ModelInfo, Settings

__all__ = [
    "PROVIDERS",
    "Service",
    "check_settings",
    "check_url",
    "model_info",
    "refuse_others",
    "section",
]

PROVIDERS = (
    "anthropic",
    "deepseek",
    "fireworks",
    "groq",
    "llama-server",
    "lmstudio",
    "local",
    "mistral",
    "ollama",
    "openai",
    "openrouter",
    "together",
    "vllm",
)
"""All providers of this plugin; each has a section in the plugin's settings."""
_OTHERS = ("gateway", "markup", "queue")
"""The sections of what this plugin offers beside providers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Where a provider's models are served.

    Attributes:
        provider: The provider's name, which is also its section of the settings.
        package: Whose wire format it speaks.
        env: The environment variable of its key.
        base_url: Where it is, if it is not at the vendor's own address.
        needs_key: Whether it answers nobody without a key, wherever it is.
        quirks: What it does unlike others: settings that hold unless the user's
            own say otherwise.
    """

    provider: str
    package: Literal["openai", "anthropic"]
    env: str
    base_url: str | None = None
    needs_key: bool = False
    quirks: Mapping[str, Json] = field(default_factory=dict)


def section(settings: Settings, provider: str) -> Settings:
    """Return a provider's section of the plugin's settings.

    Raises:
        ConfigError: If it is no table, or there is a section of no provider at all,
            which was meant for one.
    """
    for name in settings:
        if name not in (*PROVIDERS, *_OTHERS):
            raise ConfigError(
                f"the built-in plugin has no setting {name!r}",
                f"correct it; it has {', '.join(sorted((*PROVIDERS, *_OTHERS)))}",
            )
    return settings.section(provider)


def check_settings(settings: Settings, service: Service) -> None:
    """See that the section of a service can be used as it is written.

    Raises:
        ConfigError: If a key is unknown, or a value does not fit it.
    """
    known = {**_EXPECTED, **_OF_PACKAGE[service.package]}
    refuse_others(settings, service.provider, known)
    for key, value in settings.items():
        expected, fits = known[key]
        if not fits(value):  # which may be a secret, and is not repeated
            raise ConfigError(
                f"{key} of the provider {service.provider} must be {expected}",
                "correct it in your own configuration file",
            )


def refuse_others(settings: Settings, provider: str, known: Iterable[str]) -> None:
    """Refuse a key that means nothing to a provider.

    Raises:
        ConfigError: If there is one.
    """
    known = sorted(known)
    for key in settings:
        if key not in known:
            raise ConfigError(
                f"the provider {provider} has no setting {key!r}",
                f"correct it; it has {', '.join(known)}",
            )


def check_url(url: str, where: str) -> None:
    """See that an address in the environment is one.

    Raises:
        ConfigError: If it is not.
    """
    if not _is_url(url):
        raise ConfigError(f"{where} must be {_URL}", "correct it, or unset it")


def model_info(settings: Mapping[str, Json], **usual: int) -> ModelInfo:
    """Return what the models of a service can do, as far as its settings say it."""
    known = {known.name for known in fields(ModelInfo)}
    return ModelInfo(**{**usual, **{k: v for k, v in settings.items() if k in known}})


def _is_url(value: object) -> bool:
    try:
        url = urlsplit(value if isinstance(value, str) else "")
        return url.scheme in ("http", "https") and bool(url.hostname and url.port != 0)
    except ValueError:
        return False


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_amount(value: object) -> bool:
    return isinstance(value, int | float) and value is not True and 0 < value < 1e9


def _is_count(value: object) -> bool:
    return isinstance(value, int) and value is not True and value > 0


def _is_much(value: object) -> bool:
    return isinstance(value, int) and value >= 1024


def _is_length(value: object) -> bool:
    return isinstance(value, int) and 8 <= value <= 64


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _one_of(*words: str) -> _Expected:
    return f"one of {', '.join(words)}", lambda value: value in words


_URL = "an address such as 'https://example.org/v1'"
_Expected: TypeAlias = tuple[str, Callable[[Any], bool]]
_COUNT: _Expected = ("a whole number above 0", _is_count)
_FLAG: _Expected = ("true or false", _is_flag)
_TEXT: _Expected = ("text", _is_text)
_EXPECTED: Mapping[str, _Expected] = MappingProxyType(
    {
        "api_key": _TEXT,
        "base_url": (_URL, _is_url),
        "context_tokens": _COUNT,
        "images": _FLAG,
        "max_output_tokens": _COUNT,
        "output_schema": _FLAG,
        "small": _FLAG,
        "timeout_seconds": ("a number above 0", _is_amount),
        "tools": _FLAG,
    }
)
"""What the section of any service may hold."""
_OF_PACKAGE: Mapping[str, Mapping[str, _Expected]] = MappingProxyType(
    {
        "anthropic": {
            "effort": _one_of("low", "medium", "high", "xhigh", "max"),
            "prompt_cache": _one_of("always", "auto", "never"),
            "thinking": _one_of("adaptive", "off"),
            "thinking_tokens": ("a whole number of at least 1024", _is_much),
        },
        "openai": {
            "api": _one_of("auto", "chat", "responses"),
            "call_id_length": ("a whole number from 8 to 64", _is_length),
            "cost_field": _TEXT,
            "max_tokens_field": _TEXT,
            "reasoning_field": _TEXT,
            "schema_with_tools": _FLAG,
            "stream_usage": _FLAG,
            "temperature": _FLAG,
        },
    }
)
"""What it may hold besides, by the format that it speaks."""
