"""The tools that come with ZeroGravity."""
