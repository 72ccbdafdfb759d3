"""The plugin keeps the contract, as everybody's does."""

from __future__ import annotations

import pytest
from weather_service import KEY, Service

from zg_core.testing import AgentConformance, ToolConformance


class Configured:
    @pytest.fixture(autouse=True)
    def configured(self, service: Service) -> None:
        self.config = {"base_url": service.url, "api_key": KEY}


class TestForecaster(Configured, AgentConformance):
    plugin = "zg-weather"
    agent = "forecaster"


class TestCurrentWeather(Configured, ToolConformance):
    plugin = "zg-weather"
    tool = "current_weather"
