"""The weather service: OpenWeather's API 2.5, or another that speaks its format.

Source of the format: https://openweathermap.org/current
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import anyio.to_thread

import zg_core.plugin_api as zg

__all__ = ["CurrentWeather", "make_current_weather"]

_URL = "https://api.openweathermap.org/data/2.5"
_SECONDS = 10
_LARGEST = 100_000
_SIGNS: Mapping[str, Literal["°C", "°F"]] = {"metric": "°C", "imperial": "°F"}


class CurrentWeather:
    """Asks the service; one object serves all runs, and keeps nothing of any."""

    def __init__(self, url: str, units: str, key: str) -> None:
        self._url = url
        self._units = units
        self._key = key

    def __repr__(self) -> str:
        return f"CurrentWeather({self._url!r}, {self._units!r})"  # not the key

    async def call(self, arguments: zg.JsonObject, ctx: zg.Context) -> zg.Json:
        """Return the weather of ``arguments["city"]``.

        Raises:
            Retry: If there is no such city: the model may know another name.
            ToolError: If the service does not answer.
        """
        found = await anyio.to_thread.run_sync(
            self._ask, str(arguments["city"]), abandon_on_cancel=True
        )
        return {
            "city": found["name"],
            "sky": found["weather"][0]["description"],
            "temperature": found["main"]["temp"],
            "unit": _SIGNS[self._units],
            "wind": found["wind"]["speed"],
        }

    def _ask(self, city: str) -> Any:
        query = urlencode({"q": city, "units": self._units, "appid": self._key})
        request = Request(f"{self._url}/weather?{query}")
        try:
            with urlopen(request, timeout=_SECONDS) as answer:
                return json.loads(answer.read(_LARGEST))
        except HTTPError as error:
            error.close()
            raise _refusal(error.code, city) from None  # its text has the whole URL
        except (URLError, OSError, ValueError):
            raise zg.ToolError(
                "the weather service does not answer", "try again later"
            ) from None


def _refusal(status: int, city: str) -> Exception:
    if status == 404:
        return zg.Retry(f"the weather service knows no {city!r}; try its English name")
    if status == 401:
        return zg.ToolError(
            "the weather service refuses the key", "check OPENWEATHER_KEY"
        )
    return zg.ToolError(
        f"the weather service answers with status {status}", "try again later"
    )


def make_current_weather(settings: zg.Settings) -> CurrentWeather:
    """Make the tool.

    Raises:
        ConfigError: If the key is missing, or a setting does not fit.
    """
    units = settings.get("units", "metric")
    if units not in _SIGNS:
        raise zg.ConfigError(
            f"units of zg-weather is {units!r:.40}",
            f"set it to one of {', '.join(_SIGNS)}",
        )
    return CurrentWeather(
        str(settings.get("base_url", _URL)).rstrip("/"),
        units,
        settings.secret("api_key", env="OPENWEATHER_KEY"),
    )
