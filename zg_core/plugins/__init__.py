"""Find plugins, load them, and say what they offer."""
