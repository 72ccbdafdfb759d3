"""A plugin for ZeroGravity."""

__version__ = "0.1.0"
