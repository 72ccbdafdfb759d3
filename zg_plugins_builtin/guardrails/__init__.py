"""The guardrails that come with ZeroGravity."""
