"""The runtimes that come with ZeroGravity."""
