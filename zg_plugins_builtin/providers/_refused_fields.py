"""Name the setting that keeps from a server what it refuses to be sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from zg_core.plugin_api import ProviderRequestError

__all__ = ["with_anthropic_setting", "with_setting"]

_SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "stream_options": "stream_usage = false",
        "response_format": "output_schema = false",
        "json_schema": "output_schema = false",
        "temperature": "temperature = false",
        "max_tokens": 'max_tokens_field = "max_completion_tokens"',
        "max_completion_tokens": 'max_tokens_field = "max_tokens"',
        "image_url": "images = false",
        "tools": "tools = false",
    }
)
_FIELD = re.compile(rf"\b({'|'.join(_SETTINGS)})\b")
_OF_ANTHROPIC: Mapping[str, str] = MappingProxyType(
    {
        r"thinking\.type\.enabled": 'set thinking = "adaptive", not thinking_tokens,',
        r"thinking\.type\.disabled": 'set effort = "low", not thinking = "off",',
        r"adaptive": "set thinking_tokens = 4096, not thinking,",
        r"\beffort\b": "set another effort, or none,",
        r"output.(format|config)|structured output": "set output_schema = false",
        r"compiled grammar|schema is too complex": "set output_schema = false",
    }
)
"""What helps, by what the server says; the first that is found is what it is about."""


def with_setting(error: ProviderRequestError, provider: str) -> ProviderRequestError:
    """Return an error that names a setting, if the server named a field.

    Args:
        error: The error.
        provider: The provider, whose section of the settings is meant.
    """
    field = _FIELD.search(error.cause) if error.status in (400, 422) else None
    if field is None:
        return error
    remedy = f"if the server does not know {field[1]}, set {_SETTINGS[field[1]]}"
    return _with_remedy(error, remedy, provider)


def with_anthropic_setting(error: ProviderRequestError) -> ProviderRequestError:
    """Return an error that names a setting, if Anthropic's API named what it is of.

    Which of them a model takes differs from one to the next, and only the API knows.
    """
    if error.status == 400:
        for said, remedy in _OF_ANTHROPIC.items():
            if re.search(said, error.cause, re.IGNORECASE):
                return _with_remedy(error, remedy, "anthropic")
    return error


def _with_remedy(
    error: ProviderRequestError, remedy: str, provider: str
) -> ProviderRequestError:
    return ProviderRequestError(
        error.cause,
        f"{remedy} in [plugins.config.builtin.{provider}] of your own configuration "
        "file",
        status=error.status,
        request_id=error.request_id,
    )
