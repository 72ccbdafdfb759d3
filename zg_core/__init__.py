"""ZeroGravity: a plugin-first multi-agent framework."""
