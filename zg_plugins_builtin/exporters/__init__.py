"""The exporters that come with ZeroGravity."""
