"""Find, load and host plugins: a broken one breaks nothing but itself."""

from __future__ import annotations

from .diagnose import Diagnostic, Severity, State
from .host import PluginHost
from .records import PluginRecord

__all__ = ["Diagnostic", "PluginHost", "PluginRecord", "Severity", "State"]
