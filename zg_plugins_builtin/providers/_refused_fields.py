"""Name the setting that keeps from a server what it refuses to be sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from zg_core.plugin_api import ProviderRequestError

__all__ = ["with_setting"]

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


def with_setting(error: ProviderRequestError, provider: str) -> ProviderRequestError:
    """Return an error that names a setting, if the server named a field.

    Args:
        error: The error.
        provider: The provider, whose section of the settings is meant.
    """
    field = _FIELD.search(error.cause) if error.status in (400, 422) else None
    if field is None:
        return error
    return ProviderRequestError(
        error.cause,
        f"if the server does not know {field[1]}, set {_SETTINGS[field[1]]} in "
        f"[plugins.config.builtin.{provider}] of your own configuration file",
        status=error.status,
        request_id=error.request_id,
    )
