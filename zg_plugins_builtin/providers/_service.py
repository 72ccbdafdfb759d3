"""Where a provider's models are served, and what they can do."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from zg_core.plugin_api import ModelInfo, Settings

__all__ = ["Service", "model_info"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Where a provider's models are served.

    Attributes:
        provider: The provider's name, which is also its section of the settings.
        package: Whose wire format it speaks.
        env: The environment variable of its key.
        base_url: Where it is, if it is not at the vendor's own address.
    """

    provider: str
    package: Literal["openai", "anthropic"]
    env: str
    base_url: str | None = None


def model_info(settings: Settings, **usual: int) -> ModelInfo:
    """Return what the models of a service can do, as far as its settings say it."""
    known = {field.name for field in fields(ModelInfo)}
    return ModelInfo(**{**usual, **{k: v for k, v in settings.items() if k in known}})
