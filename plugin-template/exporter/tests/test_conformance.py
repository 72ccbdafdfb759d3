"""The plugin keeps the contract, as everybody's does."""

from __future__ import annotations

import os
from typing import ClassVar

from zg_core.testing import ExporterConformance


class TestExampleExporter(ExporterConformance):
    """What holds for every plugin of the kind; see the documentation of each test."""

    plugin = "zg-example"
    exporter = "example"
    config: ClassVar = {"file": os.devnull}
